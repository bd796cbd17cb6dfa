"""How long a file, a function, a card and a template may be. The aims are lower; these are the limits."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FILE, FUNCTION, CARD, TEMPLATE = 400, 50, 150, 120
PACKAGES = ("portal", "integrations", "requests_app")


def python_files(*folders: str) -> Iterator[Path]:
    for folder in folders:
        yield from sorted((ROOT / folder).rglob("*.py"))


def lines_of(path: Path) -> int:
    return len(path.read_text().splitlines())


def too_long(paths: Iterator[Path], limit: int) -> dict[str, int]:
    return {str(path.relative_to(ROOT)): lines_of(path) for path in paths if lines_of(path) > limit}


def functions_of(source: str) -> Iterator[tuple[str, int]]:
    """Name and length in lines, from the first decorator to the end."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            yield node.name, (node.end_lineno or node.lineno) - first + 1


def test_no_file_is_too_long() -> None:
    written = (path for path in python_files(*PACKAGES, "tests") if "migrations" not in path.parts)
    assert too_long(written, FILE) == {}


def test_no_card_is_too_long() -> None:
    cards = (path for path in python_files("integrations/providers") if not path.name.startswith("_"))
    assert too_long(cards, CARD) == {}


def test_no_template_is_too_long() -> None:
    templates = (path for path in sorted((ROOT / "templates").rglob("*")) if path.is_file())
    assert too_long(templates, TEMPLATE) == {}


def test_no_function_is_too_long() -> None:
    found = {
        f"{path.relative_to(ROOT)}:{name}": length
        for path in [ROOT / "manage.py", *python_files(*PACKAGES)]
        if "migrations" not in path.parts
        for name, length in functions_of(path.read_text())
        if length > FUNCTION
    }
    assert found == {}


def test_the_length_of_a_function_counts_its_decorators_and_inner_functions() -> None:
    source = "@first\n@second\ndef outer():\n    def inner():\n        pass\n    return inner\n"
    assert dict(functions_of(source)) == {"outer": 6, "inner": 2}
