"""Networks that forget digits in twenty requests, beside networks that never saw them.

`python -m benchmarks.unlearning_digits [--seeds N]` trains a network of 64 hidden units on 1,397
digits, asks for all rows of one class or for 400 rows drawn at random, and prints for each method:
the Kullback-Leibler divergence from gold on the forgotten rows, the share of test rows with the
answer of gold, accuracies, and milliseconds of CPU a request. Gold is the network trained without
the rows from the same first weights; "second gold" has other ones. Methods marked * are
given the rows that stay.
"""

from __future__ import annotations

import argparse
import copy
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from onlineml.unlearning import StreamingUnlearner

_FORGOTTEN_CLASS, _N_RANDOM, _N_REQUESTS = 8, 400, 20


class Rows(NamedTuple):
    """Digits to learn, their codes, and those to test on."""

    X: Any
    y: Any
    tested: Any
    targets: Any


def digits(seed: int) -> Rows:
    """The digits of scikit-learn, in a random order."""
    from sklearn.datasets import load_digits

    X, y = load_digits(return_X_y=True)
    order = np.random.default_rng(seed).permutation(len(X))
    X, y = (X[order] / 16.0).astype(np.float32), y[order].astype(np.int64)
    return Rows(X[:1397], y[:1397], X[1397:], y[1397:])


def network(X: Any, y: Any, seed: int) -> Any:
    """A network trained for 30 passes."""
    import torch

    torch.manual_seed(seed)
    net = torch.nn.Sequential(torch.nn.Linear(64, 64), torch.nn.ReLU(), torch.nn.Linear(64, 10))
    descend(net, X, y, seed, passes=30, rate=3e-3)
    return net


def descend(net: Any, X: Any, y: Any, seed: int, *, passes: int, rate: float) -> None:
    """Passes of Adam in batches of 64."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    rows, codes = torch.as_tensor(X), torch.as_tensor(y)
    adam = torch.optim.Adam(net.parameters(), rate)
    for _ in range(passes):
        for batch in torch.randperm(len(rows), generator=generator).split(64):
            adam.zero_grad()
            torch.nn.functional.cross_entropy(net(rows[batch]), codes[batch]).backward()
            adam.step()


Forget = Callable[[Any, Any, Any, Any], None]  # rows and codes to forget, and those that stay


def nothing(net: Any, rows: Rows) -> Forget:
    return lambda X, y, stay_X, stay_y: None


def streaming(net: Any, rows: Rows) -> Forget:
    made = StreamingUnlearner(net[:2], net[2], lowest=0.0).remember(rows.X, rows.y)
    return lambda X, y, stay_X, stay_y: made.unlearn(X, y) and None


def ascent(net: Any, rows: Rows) -> Forget:
    """Three steps up the loss of the rows, small enough that digits survive them."""
    return lambda X, y, stay_X, stay_y: _climb(net, X, y, None, None, steps=3, rate=0.02)


def fine_tuning(net: Any, rows: Rows) -> Forget:
    """A pass over the rows that stay."""
    return lambda X, y, stay_X, stay_y: descend(net, stay_X, stay_y, 0, passes=1, rate=3e-3)


def negative_gradient(net: Any, rows: Rows) -> Forget:
    """NegGrad+: up the loss of the rows and down that of rows that stay, in the same steps."""
    return lambda X, y, stay_X, stay_y: _climb(net, X, y, stay_X, stay_y, steps=6, rate=0.1)


def scrub(net: Any, rows: Rows) -> Forget:
    """SCRUB (Kurmanji et al. 2023, algorithm 1): away from the network before on rows to forget.

    Every such step is followed by steps towards it, and the labels, on rows that stay; these come
    last.
    """
    return lambda X, y, stay_X, stay_y: _scrub(net, X, stay_X, stay_y)


def _scrub(
    net: Any, X: Any, stay_X: Any, stay_y: Any, *, away: int = 4, rounds: int = 5,
    rate: float = 1e-3,
) -> None:  # fmt: skip
    import torch

    def apart(rows: Any) -> Any:
        mine, due = (torch.log_softmax(one(rows), 1) for one in (net, teacher))
        return torch.nn.functional.kl_div(mine, due, reduction="batchmean", log_target=True)

    teacher = copy.deepcopy(net).requires_grad_(False)
    adam, generator = torch.optim.Adam(net.parameters(), rate), np.random.default_rng(len(stay_X))
    gone, stay, codes = (torch.as_tensor(rows) for rows in (X, stay_X, stay_y))
    for turn in range(rounds):
        if turn < away:
            adam.zero_grad()
            (-apart(gone)).backward()
            adam.step()
        for batch in torch.as_tensor(generator.permutation(len(stay))[:512]).split(64):
            adam.zero_grad()
            labels = torch.nn.functional.cross_entropy(net(stay[batch]), codes[batch])
            (apart(stay[batch]) + labels).backward()
            adam.step()


def fisher(net: Any, rows: Rows) -> Forget:
    """Fisher forgetting (Golatkar et al. 2020, section 5): noise where rows that stay see little.

    Its standard deviation is that of a fourth root of their inverse diagonal Fisher information.
    """
    generator = np.random.default_rng(0)
    return lambda X, y, stay_X, stay_y: _blur(net, stay_X, generator, scale=1e-3)


def _blur(net: Any, stay_X: Any, generator: Any, *, scale: float) -> None:
    import torch
    from torch.func import functional_call, grad, vmap

    weights = {name: value.detach() for name, value in net.named_parameters()}
    chosen = torch.as_tensor(stay_X[generator.choice(len(stay_X), 256)])
    with torch.no_grad():
        shares = torch.softmax(net(chosen), 1).double().numpy()
    drawn = (shares.cumsum(1) > generator.random((256, 1))).argmax(1)  # answers of the network

    def loss(state: Any, x: Any, code: Any) -> Any:
        return torch.nn.functional.cross_entropy(functional_call(net, state, (x,)), code)

    slopes = vmap(grad(loss), (None, 0, 0))(weights, chosen, torch.as_tensor(drawn))
    with torch.no_grad():
        for name, value in net.named_parameters():
            information = slopes[name].square().mean(0) + 1e-8
            noise = torch.as_tensor(generator.normal(size=value.shape)).to(value.dtype)
            value += scale * information**-0.25 * noise


def _climb(net: Any, X: Any, y: Any, stay_X: Any, stay_y: Any, *, steps: int, rate: float) -> None:
    import torch

    loss = torch.nn.functional.cross_entropy
    descent = torch.optim.SGD(net.parameters(), rate)
    for step in range(steps):
        descent.zero_grad()
        total = -loss(net(torch.as_tensor(X)), torch.as_tensor(y)).clamp(max=5.0)
        if stay_X is not None:
            chosen = np.random.default_rng(step).choice(len(stay_X), 256)
            stays = loss(net(torch.as_tensor(stay_X[chosen])), torch.as_tensor(stay_y[chosen]))
            total = 0.1 * total + stays
        total.backward()
        descent.step()


METHODS: dict[str, Callable[[Any, Rows], Forget]] = {
    "untouched": nothing,
    "gradient ascent": ascent,
    "StreamingUnlearner": streaming,
    "fine-tuning *": fine_tuning,
    "NegGrad+ *": negative_gradient,
    "SCRUB *": scrub,
    "Fisher forgetting *": fisher,
}


def shares(net: Any, X: Any) -> Any:
    import torch

    with torch.no_grad():
        return torch.softmax(net(torch.as_tensor(X)).double(), 1).numpy().clip(1e-12)


def measured(net: Any, gold: Any, rows: Rows, gone: Any) -> list[float]:
    """Divergence on the forgotten rows, agreement, accuracy on forgotten and on test rows."""
    due, mine = shares(gold, rows.X[gone]), shares(net, rows.X[gone])
    asked, tested = shares(gold, rows.tested), shares(net, rows.tested)
    return [
        float((due * np.log(due / mine)).sum(1).mean()),
        100 * float((asked.argmax(1) == tested.argmax(1)).mean()),
        100 * float((mine.argmax(1) == rows.y[gone]).mean()),
        100 * float((tested.argmax(1) == rows.targets).mean()),
    ]


def scenario(
    what: str, seed: int, methods: dict[str, Callable[[Any, Rows], Forget]] = METHODS
) -> dict[str, list[float]]:
    """Every method, from the same network, on the same requests."""
    rows = digits(seed)
    rng = np.random.default_rng(seed)
    gone = np.flatnonzero(rows.y == _FORGOTTEN_CLASS)
    if what == "random":
        gone = rng.choice(len(rows.X), _N_RANDOM, replace=False)
    stay = np.setdiff1d(np.arange(len(rows.X)), gone)
    net = network(rows.X, rows.y, seed)
    gold = network(rows.X[stay], rows.y[stay], seed)
    second = network(rows.X[stay], rows.y[stay], 1000 + seed)
    found = {"second gold": [*measured(second, gold, rows, gone), np.nan]}
    for name, make in methods.items():
        mine = copy.deepcopy(net)
        forget = make(mine, rows)
        left, began = np.arange(len(rows.X)), time.process_time()
        for part in np.array_split(gone, _N_REQUESTS):
            left = np.setdiff1d(left, part)
            forget(rows.X[part], rows.y[part], rows.X[left], rows.y[left])
        spent = (time.process_time() - began) / _N_REQUESTS * 1e3
        found[name] = [*measured(mine, gold, rows, gone), spent]
    return found


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    n_seeds = parser.parse_args(arguments).seeds
    import torch

    torch.set_num_threads(1)  # more wait for one another in networks as small
    for what in ("class", "random"):
        cells: dict[str, list[list[float]]] = defaultdict(list)
        for seed in range(n_seeds):
            for name, values in scenario(what, seed).items():
                cells[name].append(values)
        print(f"{what + ', 20 requests':<24} KL to gold  agree  forgotten  test    ms", flush=True)
        for name, values in cells.items():
            mean = np.mean(values, 0)
            print(
                f"  {name:<22} {mean[0]:>10.3f} {mean[1]:>6.1f} {mean[2]:>10.1f} {mean[3]:>5.1f}"
                f" {mean[4]:>5.1f}"
            )


if __name__ == "__main__":
    main()
