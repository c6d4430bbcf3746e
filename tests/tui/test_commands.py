"""The command table, and all that is made from it."""

from collections import Counter
from pathlib import Path

import pytest

from mlops_console.tui.commands import COMMANDS, LISTS, VIEWS, bindings, footer, in_view, keymap, named, shown_keys
from mlops_console.tui.keys_page import keys_page

DOCS = Path(__file__).parents[2] / "docs"


def test_the_page_in_docs_is_the_one_made_from_the_table() -> None:
    """If this fails: python -m mlops_console.tui.keys_page > docs/keys.md"""
    assert (DOCS / "keys.md").read_text(encoding="utf-8") == keys_page()


def test_ids_are_unique_and_every_binding_has_id_and_tooltip() -> None:
    assert max(Counter(command.id for command in COMMANDS).values()) == 1
    for binding in bindings("app", "grid", *VIEWS):
        assert binding.id
        assert binding.tooltip
        assert binding.description


@pytest.mark.parametrize("view", VIEWS)
def test_no_key_means_two_things_in_a_view(view: str) -> None:
    """A log that has the focus is a place of its own."""
    for in_log in (False, True):
        found = [command for command in in_view(view, read_only=False) if (command.scope == ("log",)) is in_log]
        keys = Counter(key for command in found for key in command.keys.split(",") if key)
        assert [key for key, count in keys.items() if count > 1] == []


@pytest.mark.parametrize("view", VIEWS)
def test_read_only_takes_every_action_away(view: str) -> None:
    assert not [command.id for command in in_view(view, read_only=True) if command.acts]
    assert not [command.id for command in footer(view, read_only=True) if command.acts]
    assert [command.id for command in in_view(view, read_only=False) if command.acts]


def test_the_footer_ends_with_help_everywhere() -> None:
    assert all(footer(view, False)[-1].id == "help" for view in VIEWS)
    assert all("filter" in [command.id for command in footer(view, False)] for view in LISTS)


def test_commands_are_found_by_name_or_unique_beginning() -> None:
    assert (found := named("rollback")) is not None
    assert found.keys == "r"
    assert (found := named("pip")) is not None
    assert found.id == "pipelines"
    assert named("dep") is None
    assert named("") is None
    assert named("nonsense") is None


def test_keys_are_shown_as_people_know_them() -> None:
    assert shown_keys("slash") == "/"
    assert shown_keys("j,down") == "j ↓"


class TestKeymap:
    def test_a_good_entry_is_taken(self) -> None:
        found = keymap({"train": "ctrl+t", "down": "j,down,n"})
        assert found.keys == {"train": "ctrl+t", "down": "j,down,n"}
        assert found.problems == ()

    def test_a_clash_keeps_the_default_and_is_told(self) -> None:
        found = keymap({"train": "d"})
        assert found.keys == {}
        assert "train" in found.problems[0]
        assert "deploy" in found.problems[0]

    def test_two_may_swap_their_keys(self) -> None:
        found = keymap({"train": "d", "deploy": "t"})
        assert found.keys == {"train": "d", "deploy": "t"}

    def test_shown_and_textual_names_are_the_same_key(self) -> None:
        assert keymap({"train": "/"}).problems

    def test_an_unknown_command_and_an_empty_key_are_told(self) -> None:
        found = keymap({"trian": "x", "train": " "})
        assert found.keys == {}
        assert len(found.problems) == 2
