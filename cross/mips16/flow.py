"""Where a function's instructions lead, and which places are still read behind each."""

from assembly import RA, Instruction, Label, Text


def last_read(items, taken):
    """For each item, the places that may be read behind it before they are written. `taken` are labels whose address something knows: a jump through a
    register leads to one of them, and without any it is not known where."""
    at = {item.name: index for index, item in enumerate(items) if isinstance(item, Label)}
    everything = 0
    for item in items:
        if isinstance(item, Instruction):
            everything |= item.reads | item.writes
    known = [at[label] for label in taken if label in at]
    size = len(items)
    behind = [0] * size
    # Behind the end nothing is known.
    before = [0] * size + [everything]
    changed = True
    while changed:
        changed = False
        for index in range(size - 1, -1, -1):
            item = items[index]
            live = before[index + 1]
            if isinstance(item, Instruction):
                if item.jumps:
                    if item.ends:
                        live = 0
                    if item.target is not None:
                        live |= before[at[item.target]] if item.target in at else everything
                    elif not item.reads >> RA & 1:
                        live = 0 if known else everything
                        for label in known:
                            live |= before[label]
                behind[index] = live
                live = live & ~item.writes | item.reads
            else:
                behind[index] = live
            if live != before[index]:
                before[index] = live
                changed = True
    return behind


def read_first(items, taken):
    """The places that a function may read before it writes them."""
    return last_read([Text("")] + items, taken)[0]
