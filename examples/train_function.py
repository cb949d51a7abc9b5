"""A training function as a task: a small network on scikit-learn's breast-cancer data.

python experiments/compare.py --tasks examples/train_function.py:task --budget 9
"""

import torch
from ConfigSpace import Float, Integer
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from torch import nn

from bohb_study import FunctionTask

X, Y = map(torch.tensor, load_breast_cancer(return_X_y=True))
TRAIN, VAL = train_test_split(torch.arange(len(X)), test_size=0.4, random_state=0, stratify=Y)
X = ((X - X[TRAIN].mean(0)) / X[TRAIN].std(0)).float()


def train(config, seed, state=None):
    """Network with one hidden layer on 569 tumours: lr, hidden, dropout."""
    hidden = nn.Linear(30, config["hidden"]), nn.ReLU(), nn.Dropout(config["dropout"])
    model = nn.Sequential(*hidden, nn.Linear(config["hidden"], 2))
    optimizer = torch.optim.SGD(model.parameters(), lr=config["lr"], momentum=0.9)
    if state:
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
    yield  # set up: what follows draws from the global generators, which go on where they were
    while True:
        model.train()
        for batch in TRAIN[torch.randperm(len(TRAIN))].split(32):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(X[batch]), Y[batch]).backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            loss = nn.functional.cross_entropy(model(X[VAL]), Y[VAL])
        yield {
            "loss": loss,
            "state": {"model": model.state_dict(), "optimizer": optimizer.state_dict()},
        }


task = FunctionTask(
    train,
    [
        Float("lr", (1e-4, 1), log=True),
        Integer("hidden", (2, 64), log=True),
        Float("dropout", (0, 0.8)),
    ],
    max_epochs=9,
    name="tumours",
)
