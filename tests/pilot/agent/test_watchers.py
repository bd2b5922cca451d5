from pilot.agent.watchers import Watchers


def test_every_watcher_is_woken_as_long_as_it_watches() -> None:
    watchers = Watchers()
    with watchers.watch() as one:
        with watchers.watch() as other:
            assert not one.is_set()
            watchers.wake()
            assert one.is_set()
            assert other.is_set()
            other.clear()
        watchers.wake()
        assert not other.is_set()
