"""Reading rows: what a line is, what it says, and what is wrong with it."""

import io
import os

import pytest

from backprop import rows as module
from backprop.errors import BackpropError, UsageError
from backprop.rows import Rows, read_argument, read_line, read_names, read_point, split_list


def read(data: bytes, **options):
    return list(Rows([], ["-"], stdin=io.BytesIO(data), **options))


def texts(data: bytes):
    return [row.text for row in read(data)]


def test_comments_and_blank_lines_are_skipped_and_line_numbers_count_them():
    found = read(b"# heading\n\nx^2  # a parabola\n   \n  # indented\ny\n")
    assert [(row.text, row.line) for row in found] == [("x^2", 3), ("y", 6)]


def test_the_last_line_needs_no_newline():
    assert texts(b"x\ny") == ["x", "y"]


def test_crlf_is_accepted():
    assert texts(b"x\r\ny\r\n") == ["x", "y"]


def test_a_byte_order_mark_is_dropped_at_the_beginning_only():
    assert texts(b"\xef\xbb\xbfx\n\xef\xbb\xbfy\n") == ["x", "\ufeffy"]


@pytest.mark.parametrize("separator", ["\r", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029"])
def test_only_a_newline_ends_a_line(separator):
    assert texts(f"x{separator}y\nz".encode()) == [f"x{separator}y", "z"]


def test_spaces_in_front_stay_so_that_columns_are_right():
    assert texts(b"   x + \n") == ["   x +"]


def test_invalid_bytes_are_an_error_row_with_their_offset_and_the_others_go_on():
    good, bad, after = read(b"x\nx + \xff\ny\n")
    assert (good.error, after.error) == (None, None)
    assert bad.error.kind == "encoding"
    assert "byte 5 of the line, 0xFF" in bad.error.message
    assert bad.text == "x + \\xff"
    assert bad.error.column == 5


def test_the_column_of_an_invalid_byte_counts_characters_not_bytes():
    (row,) = read("θ + ".encode() + b"\xc3")
    assert "byte 6" in row.error.message
    assert row.error.column == 5


def test_a_utf_16_file_is_recognised():
    (row, *_) = read("x^2".encode("utf-16"))
    assert "UTF-16" in row.error.hint


def test_invalid_bytes_in_a_comment_are_no_error():
    assert texts(b"x # caf\xe9\n# \xff\n") == ["x"]


def test_a_line_with_a_brace_and_a_quote_is_a_json_object():
    (row,) = read(b' {"equation": "x # no comment", "at": {"x": 0.10}}\n')
    assert row.fields == {"equation": "x # no comment", "at": {"x": "0.10"}}


def test_a_line_with_another_brace_is_an_equation():
    (row,) = read(b"{x + 1}^2\n")
    assert (row.fields, row.text) == (None, "{x + 1}^2")


def test_an_empty_object_is_json():
    assert read(b"{}\n")[0].fields == {}


@pytest.mark.parametrize(
    "line",
    [
        b'{"equation": }',
        b'{"equation": "x"',
        b'{"equation": "x"} y',
        b'{"a": ' + b"[" * 100_000,
        b'{"a": "\\ud800',
    ],
)
def test_what_is_not_json_is_a_parse_error_of_its_row(line):
    (row,) = read(line)
    assert row.error.kind == "parse"


def test_a_repeated_key_is_an_error():
    (row,) = read(b'{"equation": "x", "equation": "y"}')
    assert row.error.kind == "usage"
    assert "twice" in row.error.message


def test_a_number_of_a_million_digits_in_json_stays_text():
    (row,) = read(b'{"order": ' + b"9" * 1_000_000 + b"}")
    assert isinstance(row.fields["order"], str)


def test_lines_are_put_together_over_chunks(monkeypatch):
    monkeypatch.setattr(module, "_CHUNK", 3)
    assert texts(b"abcdefgh\nij\n\nklmnopqrstu") == ["abcdefgh", "ij", "klmnopqrstu"]


@pytest.mark.parametrize("length", [9, 10, 11, 50])
def test_a_line_over_the_limit_is_an_error_row_and_the_next_is_read(monkeypatch, length):
    monkeypatch.setattr(module, "MAX_LINE", 10)
    monkeypatch.setattr(module, "_CHUNK", 4)
    first, second = read(b"x" * length + b"\ny\n")
    assert (first.error is not None) == (length > 10)
    assert first.error is None or first.error.kind == "limit"
    assert (second.text, second.line) == ("y", 2)


def test_the_place_names_file_and_line(tmp_path):
    path = tmp_path / "some.eq"
    path.write_text("x\ny\n")
    _, row = Rows([], [str(path)])
    assert row.place == f"{path}:2:"
    assert row.source == {"file": str(path), "line": 2}


def test_a_hostile_file_name_is_shown_harmlessly(tmp_path):
    path = tmp_path / "a\x1b[31mb"
    path.write_text("x\n")
    (row,) = Rows([], [str(path)])
    assert "\x1b" not in row.place


def test_arguments_have_no_file():
    (row,) = Rows(["x^2"])
    assert (row.source, row.place) == ({"file": None, "line": 1}, "")


def test_an_argument_with_invalid_bytes_is_an_error_row():
    row = read_argument(os.fsdecode(b"x\xff"))
    assert row.error.kind == "encoding"


def test_several_files_are_read_in_their_order_and_counted(tmp_path):
    for name, text in (("a", "x\n"), ("b", "y\nz\n")):
        (tmp_path / name).write_text(text)
    found = Rows([], [str(tmp_path / "b"), str(tmp_path / "a")])
    assert found.size == 6
    assert [row.text for row in found] == ["y", "z", "x"]
    assert found.done == 6


@pytest.mark.parametrize("name", ["no/such/file", ".", "a\0b"])
def test_a_file_that_cannot_be_read_is_an_error_before_anything_is_done(name):
    with pytest.raises(UsageError, match="cannot read"):
        Rows(["x"], [name])


def test_a_pipe_says_when_nothing_is_there_so_that_answers_are_not_held_back():
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as stream, os.fdopen(writing, "wb", buffering=0) as pen:
        found = iter(Rows([], ["-"], stdin=stream, idle=True))
        pen.write(b"x\n")
        assert next(found).text == "x"
        assert next(found) is None
        pen.write(b"y\n")
        assert next(found).text == "y"


def test_memory_does_not_grow_with_the_number_of_lines():
    import tracemalloc

    class Endless(io.RawIOBase):
        left = 300

        def read1(self, size):
            self.left -= 1
            return b"x^2 + y # a comment\n" * 500 if self.left else b""

    tracemalloc.start()
    try:
        count = sum(1 for _ in Rows([], ["-"], stdin=Endless()))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count == 299 * 500
    assert peak < 2_000_000


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a,b", ["a", "b"]),
        ("max(1,2),b", ["max(1,2)", "b"]),
        ("[1,{2,3}], x", ["[1,{2,3}]", "x"]),
        ("a", ["a"]),
        ("a),b", ["a)", "b"]),
    ],
)
def test_commas_inside_brackets_do_not_split(text, parts):
    assert split_list(text) == parts


def test_points_come_from_text_lists_and_objects():
    assert read_point("x=1, y=atan2(1, 2)") == {"x": "1", "y": "atan2(1, 2)"}
    assert read_point(["x=1", "y=2"]) == {"x": "1", "y": "2"}
    assert read_point({"x": 1}) == {"x": 1}


@pytest.mark.parametrize("given", ["x", "=1", "x=", "x=1,x=2", ["x=1", "x=2"], "", {"x": True}, {"x": [1]}, 3, [3]])
def test_what_is_no_point_is_a_usage_error(given):
    with pytest.raises(UsageError):
        read_point(given)


@pytest.mark.parametrize("given", ["x,,y", "", " ", ["x", 3], 3, [""]])
def test_what_is_no_list_of_names_is_a_usage_error(given):
    with pytest.raises(UsageError):
        read_names(given, "wrt")


def test_every_error_of_a_row_has_a_kind_of_the_contract():
    kinds = {"parse", "encoding", "name", "shape", "limit", "usage", "internal"}
    for line in (b"\xff", b'{"a"', b'{"a":1,"a":2}'):
        error = read_line(line).error
        assert isinstance(error, BackpropError)
        assert error.kind in kinds
