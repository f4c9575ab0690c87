"""Tables in LaTeX that never exceed the text, with any character."""

import re
from collections.abc import Iterable, Sequence

PACKAGES = "needs booktabs, amssymb and graphicx"
WIDEST = 48  # letters in a row that fit a column of a page with two, in small letters
COMMAND = re.compile(r"\\[a-zA-Z]+\*?|[{}$\\]")
LATEX = {"&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}"}
LATEX |= {"~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "\\": r"\textbackslash{}"}
LATEX |= {
    "ρ": r"$\rho$",
    "✓": r"\checkmark{}",
    "–": "--",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
}
MATHS = {"α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "λ": "lambda", "τ": "tau"}
MATHS |= {"∂": "partial", "×": "times", "·": "cdot", "Σ": "Sigma", "≥": "ge", "≤": "le"}
LATEX |= {letter: rf"$\{name}$" for letter, name in MATHS.items()}
LATEX |= {"±": r"$\pm$", "↑": r"$\uparrow$", "↓": r"$\downarrow$"}
LATEX |= {"⁺": "$^{+}$", "⁻": "$^{-}$", "²": "$^{2}$", "−": "$-$", "†": r"\dag{}", "‡": r"\ddag{}"}
LATEX |= {"“": "``", "”": "''", "’": "'", "…": r"\dots{}", "é": r"\'e", "á": r"\'a"}
LATEX |= {"ä": r"\"a", "ö": r"\"o", "ü": r"\"u"}


def tex(text: str) -> str:
    """Returns text without the meaning of any character in LaTeX."""
    return "".join(LATEX.get(character, character) for character in text)


def latex_table(
    caption: str, label: str, layout: str, heads: Sequence[str], lines: Iterable[str]
) -> list[str]:
    """Returns the lines of a booktabs table in small letters.

    A wide one is a `table*`, which takes both columns of a page with two. Whatever is still wider
    than the text is made smaller.

    Args:
        caption: plain text.
        label: the name of its label, which begins with `tab:`; other characters than letters,
            digits, `.` and `-` become `-`.
        layout: a letter for each column, `l` or `r`.
        heads: LaTeX of the heads.
        lines: the rows in LaTeX, with their ends.
    """
    lines = list(lines)
    name = "table*" if _letters([" & ".join(heads), *lines]) > WIDEST else "table"
    return [
        rf"\begin{{{name}}}",
        rf"\caption{{{tex(caption)}}}",
        rf"\label{{tab:{re.sub(r'[^A-Za-z0-9.]+', '-', label).strip('-')}}}",
        r"\small\setlength{\tabcolsep}{3pt}",
        r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%",
        rf"\begin{{tabular}}{{@{{}}{layout}@{{}}}}",
        r"\toprule",
        " & ".join(heads) + r" \\",
        r"\midrule",
        *lines,
        r"\bottomrule",
        r"\end{tabular}}",
        rf"\end{{{name}}}",
    ]


def _letters(lines: Sequence[str]) -> int:
    """The letters of the longest cell of each column, and one between two columns."""
    widths: list[int] = []
    for line in lines:
        if r"\multicolumn" in line:
            continue
        cells = [len(COMMAND.sub("", cell).strip()) for cell in line.split(" & ")]
        widths = [max(pair) for pair in zip(widths or [0] * len(cells), cells, strict=False)]
    return sum(widths) + len(widths) - 1
