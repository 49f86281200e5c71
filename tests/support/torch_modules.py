"""PyTorch modules that several tests make."""

from torch import nn


class Net(nn.Module):
    """A function as a module with parts."""

    def __init__(self, function, **parts):
        super().__init__()
        self.function = function
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, *images):
        return self.function(self, *images)
