"""A directive lets all threads work unless it says otherwise."""

from qmac.runtime.execution.directive import WorkerDirective


def test_a_directive_of_threads_alone_lets_them_work():
    directive = WorkerDirective(3)
    assert (directive.threads, directive.pause, directive.stop) == (3, False, False)
