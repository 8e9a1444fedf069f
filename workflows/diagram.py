"""A route as people draw it: a Mermaid flow chart, and the rows of an SOP table."""

from __future__ import annotations

from dataclasses import dataclass

from workflows.model import Definition, Step, StepKind

_SHAPES = {StepKind.PARAF: ("[", "]"), StepKind.NUMBER: ("[/", "/]"), StepKind.SIGN: ("[[", "]]"),
           StepKind.DISTRIBUTE: ("([", "])")}


@dataclass(frozen=True)
class SopRow:
    """One row of the SOP: number, activity, who, norm time in working minutes."""

    number: int
    activity: str
    performer: str
    norm_minutes: int


def performer_of(step: Step) -> str:
    """Who a step is for, in words: a position code, or the drafter's superior."""
    if step.assignee is None:
        return "sistem"
    if step.assignee.kind == "position":
        return step.assignee.position or ""
    if step.assignee.kind == "chosen":
        return "pejabat perangkat daerah lain yang dipilih penyusun"
    return "penyusun" if step.assignee.kind == "drafter" else f"atasan penyusun ({step.assignee.level})"


def sop_rows(definition: Definition) -> tuple[SopRow, ...]:
    """The route as rows of an SOP (PermenPANRB 35/2012 asks for activity, performer and time)."""
    return tuple(SopRow(number, step.title, performer_of(step), step.norm_minutes)
                 for number, step in enumerate(definition.steps, start=1))


def to_mermaid(definition: Definition) -> str:
    """A left-to-right flow chart in Mermaid's language, with the way back for revision; behind the first signature
    there is none, and who does not sign too ends it."""
    lines = ["flowchart LR", '  draft(["Konsep"])']
    previous = "draft"
    for number, step in enumerate(definition.steps, start=1):
        node = f"s{number}"  # a step's own id could be a word of the language, such as "end"
        opening, closing = _SHAPES[step.kind]
        lines.append(f'  {node}{opening}"{_quoted(step.title)}"{closing}')
        lines.append(f"  {previous} --> {node}")
        if number - 1 in definition.sign_steps[1:]:
            lines.append(f'  {node} -. menolak .-> {node}x(["Ditolak"])')
        elif step.kind in {StepKind.PARAF, StepKind.SIGN}:
            lines.append(f"  {node} -. kembali .-> draft")
        previous = node
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    return text.replace('"', "#quot;")
