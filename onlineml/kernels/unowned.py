"""Arrays without reference counts, for loops that hand arrays on at every step.

Kernels open descriptors and have none. Where an array itself is the argument, each call that it is
handed on to counts it up and down by atomic operations, which may cost more than the call, and
between threads more again.
"""

from __future__ import annotations

from typing import Any

import numba
from numba.extending import intrinsic


def _as_it_is(array: Any) -> Any:
    return array


@intrinsic  # type: ignore[untyped-decorator]
def _without_owner(typing_context: Any, array: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        view = context.make_array(array)(context, builder, arguments[0])
        view.meminfo = view.meminfo.type(None)
        return view._getvalue()

    return array(array), generate


#: `unowned(array)`: the same array, good for as long as the caller keeps the one that came in.
unowned: Any = _as_it_is if numba.config.DISABLE_JIT else _without_owner
