"""An interpreter of the part of Pine 6 that scripts of qmac use, with a broker as documented.

TradingView itself is not asked. Orders at market are filled at the close
(``process_orders_on_close``) or at the next open; a stop or limit counts from the bar after its
order, and is filled at the open where that is beyond it.
"""

import math
import re
from collections import deque

TOKENS = re.compile(
    r'\s*(?:(\d+\.?\d*(?:e-?\d+)?)|("[^"]*")|([A-Za-z_][\w.]*)|(=>|:=|<=|>=|==|!=|[-+*/()\[\],?:<>=]))'
)
NA = math.nan
LEVELS = [("or",), ("and",), ("<=", ">=", "<", ">", "==", "!="), ("+", "-"), ("*", "/")]


def is_na(value):
    return isinstance(value, float) and math.isnan(value)


class Parser:
    """Expressions of one line, to nested tuples."""

    def __init__(self, text):
        text = text.rstrip()
        self.tokens, place = deque(), 0
        while place < len(text):
            match = TOKENS.match(text, place)
            assert match, f"no Pine: {text[place:]!r}"
            self.tokens.append(match.group(match.lastindex))
            place = match.end()

    def peek(self):
        return self.tokens[0] if self.tokens else ""

    def take(self, expected=None):
        token = self.tokens.popleft()
        assert expected in {None, token}, (expected, token)
        return token

    def expression(self):
        condition = self.binary(0)
        if self.peek() != "?":
            return condition
        self.take("?")
        yes = self.expression()
        self.take(":")
        return ("if", condition, yes, self.expression())

    def binary(self, level):
        if level == len(LEVELS):
            return self.unary()
        left = self.binary(level + 1)
        while self.peek() in LEVELS[level]:
            left = (self.take(), left, self.binary(level + 1))
        return left

    def unary(self):
        if self.peek() in {"-", "not"}:
            return (f"unary {self.take()}", self.unary())
        value = self.primary()
        while self.peek() == "[":
            self.take()
            value = ("history", value, self.expression())
            self.take("]")
        return value

    def primary(self):
        token = self.take()
        if token == "(":
            value = self.expression()
            self.take(")")
            return value
        if token[0] == '"':
            return ("value", token[1:-1])
        if token[0].isdigit():
            return ("value", float(token) if "." in token or "e" in token else int(token))
        if self.peek() != "(":
            return ("name", token)
        self.take("(")
        arguments, named = [], {}
        while self.peek() != ")":
            argument = self.expression()
            if self.peek() == "=":
                self.take()
                named[argument[1]] = self.expression()
            else:
                arguments.append(argument)
            if self.peek() == ",":
                self.take()
        self.take(")")
        return ("call", token, arguments, named)


def parse(text):
    """Return the statements of a script, each (kind, ..., block)."""
    lines = []
    for line in text.splitlines():
        if not line.strip() or line.lstrip().startswith("//"):
            continue
        if lines and lines[-1].count("(") > lines[-1].count(")"):
            lines[-1] += " " + line.strip()
        else:
            lines.append(line)
    return _parse_block(deque(lines), 0)


def _parse_block(lines, indent):
    block = []
    while lines and len(lines[0]) - len(lines[0].lstrip()) == indent:
        line = lines.popleft().strip()
        if line.endswith("=>"):
            name, parameters = re.fullmatch(r"(\w+)\((.*)\) =>", line).groups()
            names = [parameter.split()[-1] for parameter in parameters.split(",")]
            block.append(("function", name, names, _parse_block(lines, indent + 4)))
        elif line.startswith("if "):
            cases = [(Parser(line[3:]).expression(), _parse_block(lines, indent + 4))]
            while lines and lines[0].strip().startswith("else if "):
                line = lines.popleft().strip()
                cases.append((Parser(line[8:]).expression(), _parse_block(lines, indent + 4)))
            block.append(("if", cases))
        elif match := re.match(r"(var (?:\w+ )?)?(\w+) (:?=) (.*)", line):
            kept, name, operator, text = match.groups()
            kind = "var" if kept else ("assign" if operator == ":=" else "define")
            parser = Parser(text)
            block.append((kind, name, parser.expression()))
            assert not parser.tokens, line
        else:
            parser = Parser(line)
            block.append(("do", parser.expression()))
            assert not parser.tokens, line
    return block


class Script:
    """A script on bars: ``run`` returns its closed trades and what is open, by bar."""

    def __init__(self, text, bars, times):
        self.statements = parse(text)
        self.bars, self.times = bars, times
        self.functions, self.memory, self.bar = {}, {}, 0
        self.settings = {}
        self.trades, self.opened, self.entry_price = [], None, NA
        self.pending, self.stop = [], None
        self.cash, self.units = NA, 0.0

    def run(self):
        for self.bar in range(len(self.bars["close"])):
            self._fill("open")
            self._fill_stop()
            self._run(self.statements, {}, ())
            if self.settings["process_orders_on_close"]:
                self._fill("close")
        return self.trades, self.opened

    @property
    def equity(self):
        return self.cash + self.units * self.bars["close"][-1]

    # the broker

    def _fill(self, price):
        orders, self.pending = self.pending, []
        for kind in orders:
            if kind == "entry" and self.opened is None:
                fee = self.settings["commission_value"] / 100
                self.opened, self.entry_price = self.bar, self.bars[price][self.bar]
                self.units = self.cash / (self.entry_price * (1 + fee))
                self.cash = 0.0
            elif kind == "close" and self.opened is not None:
                self._close(self.bars[price][self.bar])

    def _close(self, price):
        self.cash = self.units * price * (1 - self.settings["commission_value"] / 100)
        self.trades.append((self.opened, self.bar))
        self.opened, self.stop, self.units, self.entry_price = None, None, 0.0, NA

    def _fill_stop(self):
        if self.opened is None or self.stop is None or self.opened == self.bar:
            return
        kind, level = self.stop
        now = {name: column[self.bar] for name, column in self.bars.items()}
        if kind == "stop" and now["low"] <= level:
            self._close(min(now["open"], level))
        elif kind == "limit" and now["high"] >= level:
            self._close(max(now["open"], level))

    # the language

    def _run(self, block, scope, place):
        value = NA
        for number, statement in enumerate(block):
            here = (*place, number)
            kind = statement[0]
            if kind == "function":
                self.functions[statement[1]] = statement[2:]
            elif kind == "if":
                for case, (condition, inner) in enumerate(statement[1]):
                    if self._eval(condition, scope, (*here, case, "if")):
                        self._run(inner, scope, (*here, case))
                        break
            elif kind == "do":
                value = self._eval(statement[1], scope, here)
            else:
                value = self._set(statement, scope, here)
        return value

    def _set(self, statement, scope, here):
        kind, name, expression = statement
        if kind == "var":
            key = ("var", *here[:-1], name)
            scope[f"var {name}"] = key
            if key not in self.memory:
                self.memory[key] = self._eval(expression, scope, here)
            value = self.memory[key]
        else:
            value = self._eval(expression, scope, here)
            if kind == "assign":
                self.memory[scope[f"var {name}"]] = value
        scope[name] = value
        self.memory.setdefault(("series", *here[:-1], name), {})[self.bar] = value
        scope[f"series {name}"] = ("series", *here[:-1], name)
        return value

    def _eval(self, node, scope, place):
        kind = node[0]
        if kind == "value":
            return node[1]
        if kind == "name":
            return self._read(node[1], scope)
        if kind == "history":
            back = self._eval(node[2], scope, (*place, 1))
            return self.memory[scope[f"series {node[1][1]}"]].get(self.bar - back, NA)
        if kind == "if":
            chosen = 2 if self._eval(node[1], scope, (*place, 1)) else 3
            return self._eval(node[chosen], scope, (*place, chosen))
        if kind == "call":
            return self._call(node, scope, place)
        left = self._eval(node[1], scope, (*place, 1))
        if kind in {"and", "or"}:  # the second part is not looked at where the first decides
            is_decided = bool(left) == (kind == "or")
            return bool(left if is_decided else self._eval(node[2], scope, (*place, 2)))
        return self._operate(kind, left, *(self._eval(p, scope, (*place, 2)) for p in node[2:]))

    def _operate(self, kind, left, right=None):
        if kind == "unary -":
            return -left
        if kind == "unary not":
            return not left
        return {
            "+": lambda: left + right, "-": lambda: left - right, "*": lambda: left * right,
            "/": lambda: left / right, "<": lambda: left < right, ">": lambda: left > right,
            "<=": lambda: left <= right, ">=": lambda: left >= right,
            "==": lambda: not is_na(left) and left == right,
        }[kind]()  # fmt: skip

    def _read(self, name, scope):
        if name in scope:
            return scope[name]
        if name in self.bars:
            return self.bars[name][self.bar]
        names = {
            "na": NA, "bar_index": self.bar, "time": self.times[self.bar], "true": True,
            "false": False, "strategy.position_size": self.units,
            "strategy.position_avg_price": self.entry_price,
            "strategy.closedtrades": len(self.trades),
        }  # fmt: skip
        return names.get(name, f"constant {name}")

    def _call(self, node, scope, place):
        _, name, arguments, named = node
        values = [self._eval(part, scope, (*place, i)) for i, part in enumerate(arguments)]
        options = {key: self._eval(part, scope, (*place, key)) for key, part in named.items()}
        if name in self.functions:
            parameters, block = self.functions[name]
            inner = dict(zip(parameters, values, strict=True))
            return self._run(block, inner, (*place, name))
        if name.startswith("ta."):
            return self._average(name, place, *values)
        if name.startswith("strategy"):
            return self._trade(name, values, options)
        return {
            "plot": lambda *_: NA, "na": is_na, "int": int, "timestamp": _read_moment,
            "math.abs": abs, "math.max": _largest, "math.pow": math.pow, "math.sqrt": math.sqrt,
            "math.floor": math.floor,
        }[name](*values)  # fmt: skip

    def _average(self, name, place, source, window):
        last = self.memory.setdefault(("average", *place), deque(maxlen=window))
        last.append(source)
        if len(last) < window or any(map(is_na, last)):
            return NA
        weights = range(1, window + 1) if name == "ta.wma" else [1] * window
        products = (value * weight for value, weight in zip(last, weights, strict=True))
        return math.fsum(products) / sum(weights)

    def _trade(self, name, values, options):
        if name == "strategy":
            if not self.settings:
                self.settings, self.cash = options, options["initial_capital"]
        elif name in {"strategy.entry", "strategy.close"}:
            self.pending.append(name.removeprefix("strategy."))
        elif name == "strategy.exit":
            self.stop = next((key, options[key]) for key in ("stop", "limit") if key in options)
        elif name == "strategy.closedtrades.exit_bar_index":
            return self.trades[values[0]][1]
        elif name == "strategy.opentrades.entry_bar_index":
            return NA if self.opened is None else self.opened
        return NA


def _largest(left, right):
    return NA if is_na(left) or is_na(right) else max(left, right)


def _read_moment(text):
    import pandas as pd

    return pd.Timestamp(text).value // 1_000_000
