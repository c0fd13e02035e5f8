"""A script for backtrader."""

from __future__ import annotations

from qmac.errors import OptionError
from qmac.report.scripts.python_script import write_head
from qmac.report.scripts.strategy import ScriptStrategy

LAST_BAR = (
    "An order at the close of the last bar is not filled by backtrader, which fills it on the bar "
    "after it."
)
DATES = "backtrader fills an order at a close on the bar after it, and dates it so."
AT_CLOSE = """class Qmac(bt.Strategy):
    def next(self):
        bar = len(self.data) - 1
        if not self.position:
            if enters.iloc[bar]:
                self.opened = bar
                price = self.data.close[0] * {buy_factor!r}
                # a little less than all cash: rounding must not refuse the order
                self.buy(size=self.broker.getcash() / price * (1 - 1e-12))
        elif {leaves}:
            self.close()
"""
AT_OPEN = """class Qmac(bt.Strategy):
    def next_open(self):  # before the open of this bar, after the close of the last
        bar = len(self.data) - 1
        if not bar:
            return
        if not self.position:
            if enters.iloc[bar - 1]:
                self.opened = bar
                price = self.data.open[0] * {buy_factor!r}
                # a little less than all cash: rounding must not refuse the order
                self.buy(size=self.broker.getcash() / price * (1 - 1e-12))
        elif {leaves}:
            self.close()
"""
REST = """
    def notify_trade(self, trade):
        if trade.isclosed:
            print(bt.num2date(trade.dtopen), bt.num2date(trade.dtclose), trade.pnlcomm)


cerebro = bt.Cerebro(cheat_on_open={at_open})
cerebro.adddata(bt.feeds.PandasData(dataname=bars{columns}))
cerebro.addstrategy(Qmac)
cerebro.broker.setcash({cash!r})
cerebro.broker.setcommission({fees!r})
cerebro.broker.set_slippage_perc({slippage!r}, slip_open=True, slip_match=True, slip_out=True)
cerebro.broker.set_checksubmit(False)
cerebro.broker.set_{cheat}(True)
cerebro.run()
print(f"total return {{cerebro.broker.getvalue() / {cash!r} - 1:.4%}}")
"""


def write_backtrader(strategy: ScriptStrategy) -> str:
    """Return a script for backtrader.

    Parameters
    ----------
    strategy : ScriptStrategy
        What it does.

    Returns
    -------
    str
        Python.

    Raises
    ------
    OptionError
        If the rules have stops.
    """
    rules = strategy.rules
    if strategy.stops:
        raise OptionError(
            f"the script for backtrader has no stops, and the rules have {strategy.stops[0]}. Use "
            "vectorbt or backtesting."
        )
    fills_at_close = rules.fill == "close"
    leaves = "leaves.iloc[bar]" if fills_at_close else "leaves.iloc[bar - 1]"
    if rules.max_bars is not None:
        leaves = f"{leaves} or bar - self.opened == {rules.max_bars}"
    notes = [DATES] if fills_at_close else []
    if strategy.acts_at_the_end:
        notes.append(LAST_BAR)
    body = AT_CLOSE if fills_at_close else AT_OPEN
    present = ("Open", "High", "Low")
    columns = "".join(f', {name.lower()}="Close"' for name in present if name in strategy.missing)
    return "".join([
        write_head(strategy, ["import backtrader as bt"], notes), "\n\n",
        body.format(buy_factor=rules.buy_factor, leaves=leaves),
        REST.format(
            at_open=not fills_at_close, columns=columns, cash=rules.init_cash, fees=rules.fees,
            slippage=rules.slippage,
            cheat="coc" if fills_at_close else "coo",
        ),
    ])  # fmt: skip
