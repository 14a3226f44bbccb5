#!/usr/bin/env python3
"""The generator refuses schemas it cannot generate from, and says where and why."""

import json
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent


class Generator(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)
        self.schemas = self.folder / "schemas"
        self.schemas.mkdir()
        for path in HERE.parent.glob("*.json"):
            shutil.copy(path, self.schemas)

    def run_generator(self):
        return subprocess.run([sys.executable, "-B", HERE / "generate.py", "--schemas", self.schemas, "--out",
                               self.folder / "out"], capture_output=True, text=True, check=False)

    def refused(self, stem, change, *words):
        path = self.schemas / f"{stem}.json"
        page = json.loads(path.read_text(encoding="utf-8"))
        change(page)
        path.write_text(json.dumps(page), encoding="utf-8")
        self.refused_as_it_is(stem, *words)

    def refused_as_it_is(self, stem, *words):
        result = self.run_generator()
        self.assertEqual(result.returncode, 1, result.stderr)
        self.assertEqual(result.stderr.count("\n"), 1, result.stderr)
        for word in (stem, *words):
            self.assertIn(word, result.stderr)
        self.assertFalse((self.folder / "out").exists())

    def field(self, name, spec, *words):
        self.refused("client", lambda p: p["messages"]["intent.move"]["fields"].update({name: spec}), "intent.move", *words)

    def test_unknown_type(self):
        self.field("z", {"type": "coordinat"}, "'z'", "unknown type 'coordinat'")

    def test_unknown_key(self):
        self.field("z", {"type": "int", "maximum": 3}, "unknown key 'maximum'")

    def test_reserved_word(self):
        self.field("default", {"type": "int"}, "'default' is a reserved word of C")

    def test_field_called_type(self):
        self.field("type", {"type": "int"}, "'type'")

    def test_two_fields_of_one_c_name(self):
        self.refused("client", lambda p: p["messages"]["intent.move"]["fields"].update(
            {"list": {"type": "array", "items": "id", "max": 2}, "listLen": {"type": "int"}}), "'list_len'")

    def test_string_without_max(self):
        self.field("z", {"type": "string"}, "a string needs max")

    def test_number_without_bounds(self):
        self.field("z", {"type": "number"}, "a number needs min and max")

    def test_bounds_upside_down(self):
        self.field("z", {"type": "int", "min": 3, "max": 2}, "min 3 is above max 2")

    def test_int_beyond_what_javascript_holds(self):
        self.field("z", {"type": "int", "max": 2**53}, "outside")

    def test_unknown_pattern(self):
        self.field("z", {"type": "string", "max": 3, "pattern": "uuid"}, "unknown pattern 'uuid'")

    def test_bounds_on_a_named_type(self):
        self.field("z", {"type": "id", "max": 3}, "unknown key 'max'")

    def test_bytes_for_clients(self):
        self.field("z", {"type": "bytes", "max": 3}, "cannot have bytes")

    def test_list_of_lists_or_of_blobs(self):
        self.field("z", {"type": "array", "items": "array", "max": 3}, "unknown type 'array'")

    def test_field_name_that_is_not_camel_case(self):
        self.field("action_id", {"type": "int"}, "'action_id' is not a name")

    def test_too_many_fields(self):
        many = {f"f{i}": {"type": "int"} for i in range(64)}
        self.refused("client", lambda p: p["messages"]["intent.move"].update(fields=many), "more than 63 fields")

    def test_answer_that_does_not_exist(self):
        self.refused("room", lambda p: p["messages"]["room.join"]["answers"].append("room.jioned"),
                     "room.join", "'room.jioned', which does not exist")

    def test_sender_that_is_no_actor(self):
        self.refused("room", lambda p: p["messages"]["room.join"]["from"].append("lobby"), "'lobby', which is no actor")

    def test_message_that_nobody_sends(self):
        self.refused("room", lambda p: p["messages"]["room.join"].pop("from"), "'from' or 'to' is missing")

    def test_message_of_another_actor(self):
        self.refused("room", lambda p: p["messages"].update({"auth.x": p["messages"]["room.leave"]}), "must begin with 'room.'")

    def test_client_message_without_direction(self):
        self.refused("client", lambda p: p["messages"]["intent.move"].pop("direction"), "direction in or out")

    def test_object_that_contains_itself(self):
        self.refused("types", lambda p: p["objects"]["memberView"]["fields"].update({"friend": {"type": "memberView"}}),
                     "contains itself: memberView -> memberView")

    def test_type_declared_twice(self):
        self.refused("room", lambda p: p["enums"].update({"role": {"why": "", "values": ["a"]}}), "declared twice")

    def test_names_that_become_one_in_c(self):
        self.refused("types", lambda p: p["enums"].update({"item": {"why": "", "values": ["actionGive"]}}),
                     "ITEM_ACTION_GIVE")

    def test_name_twice_in_one_object(self):
        (self.schemas / "room.json").write_text('{"why": "", "why": ""}', encoding="utf-8")
        self.refused_as_it_is("room.json", "'why' stands twice")

    def test_file_that_is_no_json(self):
        (self.schemas / "room.json").write_text("{", encoding="utf-8")
        self.refused_as_it_is("room.json", "cannot be read as JSON")

    def test_endpoint_with_an_unknown_body_or_error(self):
        self.refused("http", lambda p: p["endpoints"][0].update(response="versionInfos"), "unknown object 'versionInfos'")
        self.refused("http", lambda p: p["endpoints"][0].update(response="versionInfo", errors=["NO"]), "unknown error 'NO'")

    def test_second_run_touches_nothing(self):
        self.assertEqual(self.run_generator().returncode, 0)
        before = {p.name: p.stat().st_mtime_ns for p in (self.folder / "out").iterdir()}
        self.assertEqual(len(before), 8)
        self.assertEqual(self.run_generator().returncode, 0)
        self.assertEqual(before, {p.name: p.stat().st_mtime_ns for p in (self.folder / "out").iterdir()})


if __name__ == "__main__":
    unittest.main()
