"""What script/build-progress says, with times that are given and a cargo that only talks."""

import contextlib
import importlib.machinery
import importlib.util
import io
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "script" / "build-progress"


def script():
    loader = importlib.machinery.SourceFileLoader("build_progress", str(SCRIPT))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("build_progress", loader))
    sys.dont_write_bytecode = True
    loader.exec_module(module)
    return module


def artifact(package_id, kind="lib", fresh=False):
    message = {"reason": "compiler-artifact", "package_id": package_id, "fresh": fresh, "target": {"kind": [kind]}}
    return json.dumps(message)


class Estimate(unittest.TestCase):
    def setUp(self):
        self.script = script()
        self.script.OTHERS = 1.0
        self.script.WEIGHTS.clear()
        self.script.WEIGHTS.update({"marquee": 50, "big": 40})
        self.progress = self.script.Progress({"marquee": 1, "big": 1, "small": 10}, cores=2)

    def test_before_anything_is_done_the_cores_are_believed(self):
        fraction, seconds = self.progress.at(0)
        self.assertEqual(fraction, 0)
        self.assertAlmostEqual(seconds, 100 / (2 * 0.9))

    def test_what_is_done_says_how_fast_it_goes(self):
        for second in range(1, 11):
            self.progress.finished("small", False, second * 10)
        self.progress.finished("big", False, 500)
        fraction, seconds = self.progress.at(500)
        self.assertAlmostEqual(fraction, 0.5)
        # Ten seconds each so far, against half a second that was believed of the first tenth.
        self.assertAlmostEqual(seconds, 50 / (60 / (500 + 10 / 1.8)))
        self.assertIn("11 of 12 crates, 50%, about 7 minutes left; marquee is the last", self.progress.line(500))

    def test_while_the_last_crate_compiles_the_time_runs_down_and_never_out(self):
        for name in ["small"] * 10 + ["big"]:
            self.progress.finished(name, False, 50)
        lefts = [self.progress.at(second)[1] for second in (50, 60, 80, 100, 1000)]
        self.assertEqual(lefts, sorted(lefts, reverse=True))
        self.assertGreater(lefts[-1], 0)
        self.assertLess(self.progress.at(1000)[0], 1)

    def test_what_was_said_to_be_done_stays_done(self):
        early = self.progress.line(5)
        self.assertIn("0 of 12 crates, 9%", early)
        self.progress.finished("small", False, 6)
        self.assertIn("1 of 12 crates, 9%", self.progress.line(6))

    def test_what_is_fresh_is_no_work(self):
        self.progress.finished("big", True, 0.1)
        fraction, seconds = self.progress.at(0.1)
        self.assertLess(fraction, 0.01)
        self.assertAlmostEqual(seconds, 60 / (2 * 0.9), places=0)

    def test_a_package_that_is_compiled_twice_counts_once(self):
        self.progress.finished("big", False, 10)
        self.progress.finished("big", False, 20)
        self.assertEqual(self.progress.crates_done, 1)
        self.assertEqual(self.progress.done, 40)

    def test_packages_are_named_in_two_ways(self):
        index = "registry+https://example.org/index"
        self.assertEqual(self.script.name_of(f"{index}#serde@1.0.229"), "serde")
        self.assertEqual(self.script.name_of("path+file:///a/crates/ranking#0.1.0"), "ranking")
        self.assertEqual(self.script.name_of("path+file:///a/somewhere#marquee@0.1.0"), "marquee")

    def test_other_messages_and_parts_of_packages_count_nothing(self):
        for line in [
            "",
            "no json",
            "[]",
            '{"reason": "build-finished", "success": true}',
            artifact("r#serde@1.0.0", kind="custom-build"),
            artifact("path+file:///a#marquee@0.1.0", kind="lib"),
        ]:
            self.assertIsNone(self.script.artifact(line), line)
        self.assertEqual(self.script.artifact(artifact("r#serde@1.0.0")), ("serde", False))
        self.assertEqual(self.script.artifact(artifact("path+file:///a#marquee@0.1.0", "bin", True)), ("marquee", True))


class Run(unittest.TestCase):
    """The script as a command, with a `cargo` that prints what it is told."""

    def run_with(self, build):
        with tempfile.TemporaryDirectory() as folder:
            cargo = pathlib.Path(folder) / "cargo"
            cargo.write_text(
                "#!/bin/sh\n"
                'if [ "$1" = tree ]; then printf "a v1.0.0\\nb v1.0.0\\nb v1.0.0 (*)\\nmarquee v0.1.0 (/a)\\n"; exit; fi\n'
                f'echo "$*" >"{folder}/asked"\n{build}\n'
            )
            cargo.chmod(0o755)
            environment = os.environ | {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}
            done = subprocess.run(
                [sys.executable, SCRIPT, "--release"], env=environment, capture_output=True, text=True, timeout=60
            )
            return done, (pathlib.Path(folder) / "asked").read_text()

    def test_a_build_with_nothing_to_do_says_nothing(self):
        done, asked = self.run_with(f"echo '{artifact('r#a@1.0.0', fresh=True)}'")
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))
        self.assertEqual(asked, "build --quiet --message-format json-render-diagnostics --release\n")

    def test_a_build_that_fails_says_what_the_compiler_says_and_ends_as_cargo_does(self):
        done, _ = self.run_with("echo 'error: no such thing' >&2; exit 101")
        self.assertEqual((done.returncode, done.stderr), (101, "error: no such thing\n"))

    def test_a_long_build_has_a_line_at_times_and_one_at_its_end(self):
        module = script()
        module.PAUSE[False] = 0.05
        with tempfile.TemporaryDirectory() as folder:
            # The build goes on until a line was said.
            said = pathlib.Path(folder) / "said"
            cargo = pathlib.Path(folder) / "cargo"
            cargo.write_text(
                "#!/bin/sh\n"
                'if [ "$1" = tree ]; then printf "a v1.0.0\\nmarquee v0.1.0 (/a)\\n"; exit; fi\n'
                f"echo '{artifact('r#a@1.0.0')}'\n"
                f'until [ -e "{said}" ]; do :; done\n'
            )
            cargo.chmod(0o755)

            class Errors(io.StringIO):
                def flush(self):
                    said.touch()

            errors, path = Errors(), os.environ["PATH"]
            os.environ["PATH"] = f"{folder}{os.pathsep}{path}"
            try:
                with contextlib.redirect_stderr(errors):
                    code = module.main([])
            finally:
                os.environ["PATH"] = path
        self.assertEqual(code, 0)
        lines = errors.getvalue().splitlines()
        self.assertRegex(lines[0], r"^==> building: [01] of 2 crates, \d+%, (about|less than) a? ?.*minutes? left")
        self.assertRegex(lines[-1], r"^==> built in 0 min \d+ s$")


if __name__ == "__main__":
    unittest.main()
