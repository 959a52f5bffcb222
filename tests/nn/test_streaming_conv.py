"""Networks on pieces of a signal say what they say of the whole."""

import numpy as np
import pytest

from tests.naive import streaming_conv as naive

torch = pytest.importorskip("torch")
nn = torch.nn

from onlineml.nn.residual import Residual  # noqa: E402
from onlineml.nn.streaming_conv import StreamingConv  # noqa: E402
from onlineml.nn.streaming_windows import StreamingWindows  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")


@pytest.fixture(autouse=True)
def _one_thread():
    """Small networks wait for a second thread longer than they work."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def moments(n):
    """Normalization by moments that are not 0 and 1."""
    layer = nn.BatchNorm1d(n)
    nn.init.normal_(layer.running_mean)
    nn.init.uniform_(layer.running_var, 0.5, 2.0)
    nn.init.normal_(layer.weight)
    return layer


NETS = {
    "valid": lambda: [nn.Conv1d(3, 4, 5), nn.ReLU(), nn.Conv1d(4, 2, 3)],
    "same": lambda: [nn.Conv1d(3, 4, 4, padding="same"), nn.GELU(), nn.Conv1d(4, 2, 5, padding=2)],
    "causal": lambda: [
        nn.ZeroPad1d((8, 0)),
        nn.Conv1d(3, 4, 5, dilation=2, bias=False),
        nn.PReLU(4),
    ],
    "strides": lambda: [
        nn.Conv1d(3, 6, 4, stride=2, padding=1, groups=3),
        moments(6),
        nn.ReLU(inplace=True),
        nn.MaxPool1d(3, stride=2, padding=1),
        nn.Conv1d(6, 2, 3, padding=2, dilation=2),
    ],
    "gaps": lambda: [nn.Conv1d(3, 4, 1, stride=3), nn.AvgPool1d(2, stride=5), nn.Conv1d(4, 2, 2)],
    "pools": lambda: [
        nn.AvgPool1d(4, stride=2, padding=1),
        nn.MaxPool1d(2, stride=1, dilation=3),
        nn.Dropout(0.5),
        nn.Conv1d(3, 2, 3, padding=2),
    ],
    "wide": lambda: [nn.Conv1d(3, 4, 3), nn.ZeroPad1d((3, 2)), nn.Conv1d(4, 2, 3, padding=5)],
    "residual": lambda: [
        Residual(
            nn.Sequential(
                nn.Conv1d(3, 4, 3, padding=1, stride=2), nn.Tanh(), nn.Conv1d(4, 5, 7, padding=3)
            ),
            nn.Conv1d(3, 5, 1, stride=2),
        ),
        Residual(nn.Sequential(nn.ELU(), nn.ConstantPad1d((4, 0), 0.5), nn.Conv1d(5, 5, 5))),
        nn.Sequential(nn.Conv1d(5, 5, 3, groups=5), nn.Sigmoid()),
    ],
    "wide and grouped": lambda: [
        nn.BatchNorm1d(3),
        nn.Conv1d(3, 40, 3, padding=1),
        Residual(nn.Sequential(nn.SiLU(), nn.Conv1d(40, 40, 5, padding=2, groups=2)), None),
        nn.LeakyReLU(0.2),
        nn.AvgPool1d(2),
        nn.ReLU6(),
        nn.Conv1d(40, 17, 2),
        nn.ReLU(),
        nn.Hardtanh(-0.1, 0.1),
    ],
}
PLANS = ["compiled", "torch"]


@pytest.fixture(params=NETS)
def net(request):
    torch.manual_seed(3)
    return nn.Sequential(*NETS[request.param]()).eval()


def signal_of(n, seed=0):
    return np.random.default_rng(seed).normal(size=(3, n)).astype(np.float32)


def chunks(signal, rng, longest):
    """The signal in pieces of random lengths, some of them empty, single samples as rows."""
    start = 0
    while start < signal.shape[1]:
        n = int(rng.integers(0, longest + 1))
        piece = signal[:, start : start + n]
        yield piece[:, 0] if piece.shape[1] == 1 else piece
        start += n


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("longest", [1, 4, 30, 200])
def test_pieces_and_flush_are_the_whole(net, longest, plan):
    rng = np.random.default_rng(longest)
    stream = StreamingConv(net, plan)
    for n in (61, 128, 131):  # flush makes room for the next signal
        signal = signal_of(n, n)
        before = signal.copy()
        got = [stream.push(piece) for piece in chunks(signal, rng, longest)]
        got = np.concatenate([*got, stream.flush()], axis=1)
        due = naive.whole(net, signal)
        assert got.shape == due.shape
        assert got.dtype == np.float32
        np.testing.assert_allclose(got, due, atol=1e-6)
        np.testing.assert_array_equal(signal, before)


@pytest.mark.parametrize("plan", PLANS)
def test_outputs_come_when_latency_says(net, plan):
    stream, signal = StreamingConv(net, plan), signal_of(90)
    got = stream.push(signal[:, :0]).shape[1]
    for t in range(90):
        got += stream.push(signal[:, t]).shape[1]
        due = max(0, (t - stream.latency) // stream.stride + 1)
        assert got == due or (t < 3 and got == 6)  # of the net "wide": what sees padding alone


def test_receptive_field_is_what_outputs_depend_on(net):
    stream, signal = StreamingConv(net), signal_of(90)
    output = naive.whole(net, signal).shape[1] // 2
    x = torch.from_numpy(signal)[None].requires_grad_()
    net(x)[0, :, output].sum().backward()
    last = output * stream.stride + stream.latency
    outside = np.ones(90, bool)
    outside[max(0, last - stream.receptive_field + 1) : last + 1] = False
    assert not x.grad[0].numpy()[:, outside].any()


def test_known_latencies():
    def latency(*layers):
        return StreamingConv(nn.Sequential(*layers).eval()).latency

    assert latency(nn.Conv1d(1, 1, 5)) == 4
    assert latency(nn.Conv1d(1, 1, 5, padding="same")) == 2
    assert latency(nn.ZeroPad1d((4, 0)), nn.Conv1d(1, 1, 5)) == 0
    assert latency(nn.Conv1d(1, 1, 3, stride=2, padding=1), nn.Conv1d(1, 1, 3, padding=1)) == 3


def test_plans_keep_the_same_states(net):
    signal = signal_of(150)
    one, other = (StreamingConv(net, plan) for plan in PLANS)
    for piece in chunks(signal, np.random.default_rng(5), 9):
        np.testing.assert_allclose(one.push(piece), other.push(piece), atol=1e-6)
        state = one.get_state()
        assert {name: a.shape for name, a in state.items()} == {
            name: a.shape for name, a in other.get_state().items()
        }
        one.set_state(other.get_state())
        other.set_state(state)
    np.testing.assert_allclose(one.flush(), other.flush(), atol=1e-6)


def test_plans_are_told():
    first = nn.Conv1d(3, 2, 3)
    assert StreamingConv(first.eval()).plan == "compiled"
    stream = StreamingConv(nn.Sequential(first, nn.Mish()).eval())
    assert stream.plan == "torch, because of Mish()"
    assert "receptive_field=3, plan='torch, because of Mish()')" in repr(stream)
    rounded = nn.Sequential(first, nn.GELU("tanh")).eval()
    with pytest.raises(ValueError, match=r"plan: got 'compiled', expected 'torch', .* GELU\("):
        StreamingConv(rounded, "compiled")
    signal = signal_of(20)
    due = naive.whole(rounded, signal)
    np.testing.assert_allclose(StreamingConv(rounded).push(signal), due, atol=1e-6)
    with pytest.raises(ValueError, match="plan: got 'numba'"):
        StreamingConv(first, "numba")


def test_numbers_that_are_none_stay_none():
    signal = signal_of(60)
    signal[1, 30], signal[2, 40] = np.nan, np.inf
    net = nn.Sequential(nn.MaxPool1d(3, 1), nn.ReLU(), nn.Conv1d(3, 2, 3), nn.ReLU()).eval()
    got = StreamingConv(net, "compiled").push(signal)
    np.testing.assert_allclose(got, naive.whole(net, signal), atol=1e-6)


@pytest.mark.parametrize("plan", PLANS)
def test_state_goes_on_in_another_stream(net, plan):
    signal = signal_of(100)
    one, other = StreamingConv(net, plan), StreamingConv(net, plan)
    one.push(signal[:, :37])
    state = one.get_state()
    kept = {name: array.copy() for name, array in state.items()}
    other.push(signal_of(13, 5))
    rest = np.concatenate([one.push(signal[:, 37:]), one.flush()], axis=1)
    assert all(np.array_equal(state[name], kept[name]) for name in kept)
    other.set_state(state)
    again = np.concatenate([other.push(signal[:, 37:]), other.flush()], axis=1)
    np.testing.assert_array_equal(again, rest)
    other.push(signal[:, :9])
    other.reset()
    np.testing.assert_allclose(
        np.concatenate([other.push(signal), other.flush()], axis=1),
        naive.whole(net, signal),
        atol=1e-6,
    )


def test_wrong_states_change_nothing():
    stream = StreamingConv(nn.Sequential(nn.Conv1d(3, 2, 3)).eval())
    stream.push(signal_of(4))
    state = stream.get_state()
    with pytest.raises(ValueError, match=r"state: got .*expected arrays by the names"):
        stream.set_state({})
    with pytest.raises(ValueError, match=r"state\['0.tail'\]"):
        stream.set_state({**state, "0.tail": np.zeros((2, 4))})
    with pytest.raises(ValueError, match=r"state\['0.tail'\]: got 3, expected at most 2 rows"):
        stream.set_state({**state, "0.tail": np.zeros((3, 3))})
    assert all(np.array_equal(a, state[name]) for name, a in stream.get_state().items())


@pytest.mark.parametrize("plan", PLANS)
def test_long_blocks_are_cut_and_tails_stay_short(plan):
    torch.manual_seed(1)
    net = nn.Sequential(nn.Conv1d(3, 2, 9, stride=2), nn.ReLU(), nn.MaxPool1d(3)).eval()
    stream, signal = StreamingConv(net, plan), signal_of(9001)
    np.testing.assert_allclose(stream.push(signal), naive.whole(net, signal), atol=1e-6)
    assert all(len(a) < 9 for a in stream.get_state().values())


def test_doubles_stay_doubles():
    net = nn.Sequential(nn.Conv1d(3, 2, 3)).double().eval()
    signal = signal_of(40).astype(np.float64)
    stream = StreamingConv(net)
    got = stream.push(signal)
    assert got.dtype == np.float64
    assert stream.plan == "torch, because of float64 on cpu"
    np.testing.assert_allclose(got, naive.whole(net, signal), atol=1e-12)


@pytest.mark.parametrize("longest", [1, 40])
@pytest.mark.parametrize(("window", "hop"), [(64, 15), (90, 60), (70, 120)])
def test_windows_are_those_of_whole_windows(net, longest, window, hop):
    hop += -hop % StreamingConv(net).stride
    windows, signal = StreamingWindows(net, window, hop), signal_of(200)
    got = [windows.push(piece) for piece in chunks(signal, np.random.default_rng(1), longest)]
    due = naive.windows(net, signal, window, hop, windows.valid)
    np.testing.assert_allclose(np.concatenate(got), np.stack(due), atol=1e-6)


def test_windows_go_on_from_their_state():
    net = nn.Sequential(nn.Conv1d(3, 2, 5, stride=2, padding=2)).eval()
    one, other = StreamingWindows(net, 32, 4), StreamingWindows(net, 32, 4)
    signal = signal_of(90)
    one.push(signal[:, :50])
    other.set_state(one.get_state())
    np.testing.assert_array_equal(other.push(signal[:, 50:]), one.push(signal[:, 50:]))
    with pytest.raises(ValueError, match="state"):
        other.set_state(one.stream.get_state())


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        (nn.Linear(3, 3), "Linear"),
        (nn.LayerNorm(3), "LayerNorm"),
        (nn.Conv1d(3, 3, 3, padding=1, padding_mode="reflect"), "padding_mode='reflect'"),
        (nn.MaxPool1d(2, ceil_mode=True), "ceil_mode=True"),
        (nn.AvgPool1d(2, padding=1, count_include_pad=False), "count_include_pad=False"),
        (nn.BatchNorm1d(3, track_running_stats=False), "track_running_stats=False"),
        (nn.ZeroPad1d((0, -1)), r"padding=\(0, -1\)"),
        (nn.Conv1d(4, 3, 3), "Conv1d of 4 channels"),
        (Residual(nn.Conv1d(3, 4, 1)), "4 and 3 channels"),
        (Residual(nn.Conv1d(3, 3, 1, stride=2)), "strides 2 and 1"),
    ],
)
def test_what_cannot_be_streamed_is_refused_by_name(layer, words):
    with pytest.raises(ValueError, match=words):
        StreamingConv(nn.Sequential(nn.Conv1d(3, 3, 3), layer).eval())


def test_bad_arguments():
    net = nn.Sequential(nn.Conv1d(3, 2, 5, stride=2))
    with pytest.raises(ValueError, match="eval mode"):
        StreamingConv(net)
    stream = StreamingConv(net.eval())
    for block in (np.zeros((2, 4)), np.zeros(4), np.zeros((1, 3, 4)), "abc"):
        with pytest.raises(ValueError, match="block"):
            stream.push(block)
    with pytest.raises(ValueError, match="hop: got 3, expected a multiple of 2"):
        StreamingWindows(net, 16, 3)
    with pytest.raises(ValueError, match="window: got 4"):
        StreamingWindows(net, 4, 2)
    with pytest.raises(ValueError, match="net"):
        StreamingConv("net")
    with pytest.raises(ValueError, match="Conv1d or a BatchNorm1d"):
        StreamingConv(nn.Sequential(nn.ReLU()).eval())
    with pytest.raises(ValueError, match="inplace=False"):
        Residual(nn.Sequential(nn.ReLU(inplace=True), nn.Conv1d(3, 3, 1)))
    shrinking = nn.Sequential(Residual(nn.Conv1d(3, 3, 3))).eval()
    with pytest.raises(ValueError, match="expected an output of shape"):
        naive.whole(shrinking, signal_of(9))
    for plan in PLANS:
        stream = StreamingConv(shrinking, plan)
        stream.push(signal_of(9))
        with pytest.raises(ValueError, match="2 outputs more than the other"):
            stream.flush()
