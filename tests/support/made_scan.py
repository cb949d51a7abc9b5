"""A few made trainings in the format of the package scan-bench."""

import csv
from pathlib import Path
from typing import Any

CLIP_CONFIGS = 30
DIVERGED = 7
"""Configuration whose training diverges in its third epoch."""


def made_scan(folder: Path) -> Path:
    """``folder``, with OpenCLIP trainings of 8 epochs, but for one that was planned for 5."""
    rows = [row for number in range(CLIP_CONFIGS) for row in _clip(number)]
    _write(folder / "scan_bench" / "vlm" / "data.csv", rows)
    rows = [row for number in range(5) for row in _llm(number)]
    _write(folder / "scan_bench" / "llm" / "configs_intermediate_summary.csv", rows)
    return folder


def _write(path: Path, rows: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, [*rows[0]])
        writer.writeheader()
        writer.writerows(rows)


def _clip(number: int) -> list[dict[str, Any]]:
    part = number * 7 % CLIP_CONFIGS / CLIP_CONFIGS
    epochs = 5 if number == 0 else 8
    config = {
        "config_id": number + 1, "total_epochs": float(epochs), "lr": 1e-5 * 4000**part,
        "wd": 1e-3, "vision_width": 32 << number % 5, "text_width": 64, "beta1": 0.95,
        "beta2": 0.97, "eps": 1e-7, "warmup_fraction": part / 2,
        "total_samples_planned": 50_000_000.0 + number,
    }  # fmt: skip
    rows = []
    for epoch in range(1, epochs + 1):
        diverged = number == DIVERGED and epoch == 3
        loss = (1 + (part - 0.6) ** 2) * (1 + 1 / epoch) + (5 if diverged else 0)
        seconds = "" if diverged or (number == 9 and epoch == 4) else 600.0 + number
        report = {
            "epoch": epoch,
            "epoch_diverged": diverged,
            "val_loss": loss,
            "test_loss": 2 * loss,
        }
        rows.append({**config, **report, "train_duration(s)": seconds})
        if diverged:
            break
    return rows


def _llm(number: int) -> list[dict[str, Any]]:
    """Four trainings with four checkpoints or more, and one whose checkpoints stand elsewhere."""
    config = {
        "config_id": number + 1, "lr": 1e-4 * (number + 1), "weight_decay": 0.01, "beta1": 0.9,
        "beta2": 0.95, "cooldown_steps": 0.1, "d_model": 256 + 64 * number, "n_layers": 4,
        "n_heads": 4, "n_tokens": 8_000_000_000, "flops": 8e18, "seq_len": 2048,
        "micro_batch_size": 16, "grad_accumulation_steps": 1, "recommended_num_gpus": 4,
    }  # fmt: skip
    gap = 12171 if number else 9000  # updates of 64 x 2048 tokens
    return [
        {**config, "eval_step": gap * k, "valid_loss": 2 + 1 / k, "test_loss": 3 + 1 / k}
        for k in (5, 4, 3, 2, 1)
    ]
