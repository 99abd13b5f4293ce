"""Formulas of a text file: read, differentiated and written as laws. Only what is listed here is ever run.

A formula is a Python expression of numbers, names, + - * / **, and `FUNCTIONS` of one argument. It is read by `ast`,
every node is held against this list, and the law is written anew from the nodes that passed.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from statfe.errors import SpecError, unknown_name

#: Derivatives by u of functions that the formulas may call.
FUNCTIONS = {
    "sin": "cos(u)", "cos": "-sin(u)", "tan": "1 + tan(u)**2", "arcsin": "1 / sqrt(1 - u**2)",
    "arccos": "-1 / sqrt(1 - u**2)", "arctan": "1 / (1 + u**2)", "sinh": "cosh(u)", "cosh": "sinh(u)",
    "tanh": "1 - tanh(u)**2", "exp": "exp(u)", "log": "1 / u", "sqrt": "0.5 / sqrt(u)", "abs": "sign(u)", "sign": "0",
}
CONSTANTS = {"pi": np.pi, "e": np.e}
#: Longest formula, in characters; deeper trees than this allows would exhaust the stack.
LONGEST = 5000
_SIGNS = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Pow)
_WHOLE = 1e6


def read(text: Any, names: Sequence[str]) -> ast.expr:
    """The formula in `text`, checked.

    Raises
    ------
    SpecError
        One line that says what to change.
    """
    if isinstance(text, bool) or not isinstance(text, (str, int, float)):
        raise SpecError(f"{text!r} is not a formula; write it as text in quotes")
    if len(str(text)) > LONGEST:
        raise SpecError(f"the formula has {len(str(text))} characters, at most {LONGEST}; split it by more coordinates")
    try:
        tree = ast.parse(str(text).strip(), mode="eval").body
        _check(tree, names)
    except SyntaxError as error:
        raise SpecError(f"{str(text)!r} is not a formula ({error.msg} at character {error.offset})") from None
    except (RecursionError, MemoryError, ValueError) as error:
        if isinstance(error, SpecError):
            raise
        raise SpecError(f"{str(text)[:40]!r}... cannot be read as a formula; write it with fewer brackets") from None
    return tree


def _check(node: ast.AST, names: Sequence[str]) -> None:
    text = ast.unparse(node)
    if isinstance(node, ast.Constant):
        if isinstance(node.value, bool) or not isinstance(node.value, (int, float)):
            raise SpecError(f"{text} is not a number")
        if not abs(node.value) < 1e308:
            raise SpecError(f"{text} is too large a number")
    elif isinstance(node, ast.Name):
        if node.id in FUNCTIONS:
            raise SpecError(f"{node.id} is a function; write {node.id}(...)")
        if node.id in ("t", "time") and node.id not in names:
            raise SpecError(f"{node.id} is not known here; "
                            "make the phase of a force a coordinate with a rate of its own")
        if node.id not in names and node.id not in CONSTANTS:
            raise SpecError(unknown_name("name", node.id, [*names, *CONSTANTS, *FUNCTIONS]))
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.UAdd)):
        _check(node.operand, names)
    elif isinstance(node, ast.BinOp):
        if isinstance(node.op, ast.BitXor):
            raise SpecError(f"{text}: write ** for a power, not ^")
        if not isinstance(node.op, _SIGNS):
            raise SpecError(f"{text}: only + - * / ** stand between numbers")
        _check(node.left, names)
        _check(node.right, names)
    elif isinstance(node, ast.Call):
        called = node.func.id if isinstance(node.func, ast.Name) else ast.unparse(node.func)
        if called not in FUNCTIONS:
            raise SpecError(f"{text}: {unknown_name('function', called, FUNCTIONS)}")
        if len(node.args) != 1 or node.keywords:
            raise SpecError(f"{text}: {called} takes one argument")
        _check(node.args[0], names)
    else:
        raise SpecError(f"{text}: a formula has numbers, names, + - * / ** and functions only")


def _number(value: float) -> ast.expr:
    return ast.Constant(float(value)) if value >= 0 else ast.UnaryOp(ast.USub(), ast.Constant(-float(value)))


def value_of(node: ast.expr) -> float | None:
    """The number that a node is, or None."""
    if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)):
        return float(node.value)
    if isinstance(node, ast.UnaryOp) and (inner := value_of(node.operand)) is not None:
        return -inner if isinstance(node.op, ast.USub) else inner
    return None


def _sum(a: ast.expr, b: ast.expr, minus: bool = False) -> ast.expr:
    left, right = value_of(a), value_of(b)
    if left is not None and right is not None:
        return _number(left - right if minus else left + right)
    if right == 0.0:
        return a
    if left == 0.0:
        return ast.UnaryOp(ast.USub(), b) if minus else b
    return ast.BinOp(a, ast.Sub() if minus else ast.Add(), b)


def _product(a: ast.expr, b: ast.expr) -> ast.expr:
    left, right = value_of(a), value_of(b)
    if left is not None and right is not None:
        return _number(left * right)
    if 0.0 in (left, right):
        return _number(0.0)
    if left == 1.0:
        return b
    return a if right == 1.0 else ast.BinOp(a, ast.Mult(), b)


def _power(a: ast.expr, b: ast.expr) -> ast.expr:
    exponent = value_of(b)
    if exponent == 1.0:
        return a
    return _number(1.0) if exponent == 0.0 else ast.BinOp(a, ast.Pow(), b)


def _uses(node: ast.AST, name: str) -> bool:
    return any(isinstance(inner, ast.Name) and inner.id == name for inner in ast.walk(node))


def derivative(node: ast.expr, name: str) -> ast.expr:
    """d(node) / d(name), as a formula."""
    if not _uses(node, name):
        return _number(0.0)
    if isinstance(node, ast.Name):
        return _number(1.0)
    if isinstance(node, ast.UnaryOp):
        inner = derivative(node.operand, name)
        return _product(_number(-1.0), inner) if isinstance(node.op, ast.USub) else inner
    if isinstance(node, ast.Call):
        assert isinstance(node.func, ast.Name)
        outer = _Put({"u": node.args[0]}).visit(ast.parse(FUNCTIONS[node.func.id], mode="eval").body)
        return _product(outer, derivative(node.args[0], name))
    assert isinstance(node, ast.BinOp)
    a, b = node.left, node.right
    da, db = derivative(a, name), derivative(b, name)
    if isinstance(node.op, (ast.Add, ast.Sub)):
        return _sum(da, db, isinstance(node.op, ast.Sub))
    if isinstance(node.op, ast.Mult):
        return _sum(_product(da, b), _product(a, db))
    if isinstance(node.op, ast.Div):
        # (a / b)' = a' / b - (a / b) (b' / b)
        first = _number(0.0) if value_of(da) == 0.0 else ast.BinOp(da, ast.Div(), b)
        second = _number(0.0) if value_of(db) == 0.0 else _product(node, ast.BinOp(db, ast.Div(), b))
        return _sum(first, second, minus=True)
    # (a^b)' = b a^(b-1) a' + a^b ln(a) b'
    first = _product(_product(b, _power(a, _sum(b, _number(1.0), minus=True))), da)
    return first if value_of(db) == 0.0 else _sum(first, _product(_product(node, _call("log", a)), db))


def _call(name: str, argument: ast.expr) -> ast.expr:
    return ast.Call(ast.Name(name, ast.Load()), [argument], [])


class _Put(ast.NodeTransformer):
    """Puts other nodes in the place of names."""

    def __init__(self, places: Mapping[str, ast.expr]) -> None:
        self.places = places

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self.places.get(node.id, node)


class _Write(_Put):
    """Names to entries of `x` and `p`, functions to those of numpy, numbers to floats."""

    def visit_Call(self, node: ast.Call) -> ast.expr:
        assert isinstance(node.func, ast.Name)
        function = ast.Attribute(ast.Name("np", ast.Load()), node.func.id, ast.Load())
        return ast.Call(function, [self.visit(node.args[0])], [])

    def visit_Constant(self, node: ast.Constant) -> ast.expr:
        assert isinstance(node.value, (int, float))
        return ast.Constant(float(node.value))

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        left, right = self.visit(node.left), self.visit(node.right)
        exponent = value_of(right)
        whole = exponent is not None and exponent == round(exponent) and abs(exponent) < _WHOLE
        if isinstance(node.op, ast.Pow) and whole:
            # whole powers become products
            right = ast.Constant(int(exponent or 0))
        return ast.BinOp(left, node.op, right)


def places(coordinates: Sequence[str], parameters: Sequence[str]) -> dict[str, ast.expr]:
    """Where each name stands in the arguments of a law."""
    found: dict[str, ast.expr] = {name: _number(value) for name, value in CONSTANTS.items()}
    for array, names in (("p", parameters), ("x", coordinates)):
        for k, name in enumerate(names):
            found[name] = ast.Subscript(ast.Name(array, ast.Load()), ast.Constant(k), ast.Load())
    return found


def written(node: ast.expr, where: Mapping[str, ast.expr]) -> str:
    """The formula as Python of `x`, `p` and `np`."""
    copied = ast.parse(ast.unparse(node), mode="eval").body
    return ast.unparse(_Write(where).visit(copied))


def law(name: str, arguments: str, doc: str, lines: Sequence[str]) -> Callable[..., Any]:
    """A function of generated text, which it carries as `__text__`."""
    text = f"def {name}({arguments}):\n    {doc!r}\n" + "".join(f"    {line}\n" for line in lines)
    space: dict[str, Any] = {"np": np, "__name__": "statfe.systems.formulas"}
    exec(compile(text, f"<formulas of {name}>", "exec"), space)  # made of the nodes above alone
    made: Callable[..., Any] = space[name]
    made.__text__ = text  # type: ignore[attr-defined]
    return made
