"""A convolutional network on the whole signal, at once, and window by window."""


def whole(net, signal):
    """Outputs `(n_outputs, m)` of `(n_channels, n)`."""
    import torch

    with torch.inference_mode():
        return net(torch.from_numpy(signal)[None])[0].numpy()


def windows(net, signal, window, hop, valid):
    """The valid outputs of each window, by running the network on each."""
    starts = range(0, signal.shape[1] - window + 1, hop)
    return [whole(net, signal[:, i : i + window].copy())[:, valid] for i in starts]
