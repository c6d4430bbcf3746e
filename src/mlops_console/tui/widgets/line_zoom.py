"""Zooming and panning: which steps of a series are looked at."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Stretch:
    """The steps from `first` to `last`, both included."""

    first: int
    last: int

    @property
    def length(self) -> int:
        return self.last - self.first

    def within(self, whole: "Stretch") -> "Stretch":
        """Moved, and if need be shortened, so that it lies in `whole`."""
        length = min(self.length, whole.length)
        first = min(max(self.first, whole.first), whole.last - length)
        return Stretch(first, first + length)


def zoomed_in(view: Stretch, whole: Stretch, at: int | None = None) -> Stretch:
    """Half of the view: round its middle, or so that step `at` stays where it is. The least is a step to the next."""
    return _scaled(view, max(view.length // 2, 1), at).within(whole)


def zoomed_out(view: Stretch, whole: Stretch, at: int | None = None) -> Stretch:
    """Twice the view, at most all there is."""
    return _scaled(view, max(view.length * 2, 1), at).within(whole)


def panned(view: Stretch, whole: Stretch, by: int) -> Stretch:
    """`by` quarters of the view further right, as far as there is anything."""
    move = by * max(view.length // 4, 1)
    return Stretch(view.first + move, view.last + move).within(whole)


def _scaled(view: Stretch, length: int, at: int | None) -> Stretch:
    if at is None or not view.first <= at <= view.last:
        at = view.first + view.length // 2
    first = at - (at - view.first) * length // max(view.length, 1)
    return Stretch(first, first + length)
