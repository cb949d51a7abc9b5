"""A training function over several processes: DistributedDataParallel on the breast-cancer data.

python experiments/compare.py --tasks examples/data_parallel_function.py:task --data-parallel 2
"""

import torch
import torch.distributed as dist
from ConfigSpace import Float, Integer
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from bohb_study import FunctionTask

X, Y = map(torch.tensor, load_breast_cancer(return_X_y=True))
TRAIN, VAL = train_test_split(torch.arange(len(X)), test_size=0.4, random_state=0, stratify=Y)
X = ((X - X[TRAIN].mean(0)) / X[TRAIN].std(0)).float()


def train(config, seed, state=None):
    """Network with one hidden layer on 569 tumours, each batch shared by all ranks: lr, hidden."""
    grouped = dist.is_initialized()  # one process or many: the same code
    rank, ranks = (dist.get_rank(), dist.get_world_size()) if grouped else (0, 1)
    hidden = config["hidden"]
    model = nn.Sequential(nn.Linear(30, hidden), nn.ReLU(), nn.Linear(hidden, 2))
    optimizer = torch.optim.SGD(model.parameters(), lr=config["lr"], momentum=0.9)
    if state:
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
    parallel = DistributedDataParallel(model) if grouped else model
    yield  # set up: what follows draws from the global generators, which go on where they were
    while True:
        for batch in TRAIN[torch.randperm(len(TRAIN))].split(32):  # the same order on all ranks
            mine = batch[rank::ranks]
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(parallel(X[mine]), Y[mine], reduction="sum")
            (loss * ranks / len(batch)).backward()  # averaged over ranks: of the batch's mean
            optimizer.step()
        with torch.no_grad():
            loss = nn.functional.cross_entropy(model(X[VAL]), Y[VAL])
        yield {
            "loss": loss,
            "state": {"model": model.state_dict(), "optimizer": optimizer.state_dict()},
        }


task = FunctionTask(
    train,
    [Float("lr", (1e-4, 1), log=True), Integer("hidden", (2, 64), log=True)],
    max_epochs=9,
    name="tumours-parallel",
    data_parallel=True,
)
