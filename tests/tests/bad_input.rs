//! Bad input gets one clear line and exit code 2, before anything is written.

use std::process::Command;

use picklock_tests::{Place, skipped, snapshot, tables};

/// `picklock ARGUMENTS` must be refused with this line, and write nothing.
fn refused(place: &Place, arguments: &[&str], line: &str) {
    let before = snapshot(&place.path("here"));
    assert_eq!(place.picklock(arguments).refusal(), line, "{arguments:?}");
    assert!(
        snapshot(&place.path("here")) == before,
        "{arguments:?} wrote something"
    );
}

fn works(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}

#[test]
fn unknown_names_get_the_nearest_right_one() {
    let place = Place::new();
    let run = |arguments: &[&str], line: &str| {
        refused(&place, &[&["run", "--no-build"], arguments].concat(), line);
    };
    run(
        &["wieght-noise"],
        "unknown hypothesis `wieght-noise`; did you mean `weight-noise`?",
    );
    run(
        &["gravity"],
        "unknown hypothesis `gravity`; there are core, weight-noise",
    );
    run(
        &["--organism", "mirco"],
        "unknown organism `mirco`; did you mean `micro`?",
    );
    place.write("here/mine.txt", "");
    run(
        &["--organism", "mine.txt"],
        "mine.txt: expected an organism file, whose name ends in .toml",
    );
    run(
        &["--organism", "none.toml"],
        "none.toml: can't read: no such file or directory",
    );
    run(
        &["--organism", "micro", "--device", "gpu"],
        "device: expected cpu, cuda or cuda:N, got `gpu`",
    );
    run(
        &["--sedes", "2"],
        "unexpected argument '--sedes' found; did you mean `--seeds`?",
    );
    refused(
        &place,
        &["rum"],
        "unrecognized subcommand 'rum'; did you mean `run`?",
    );
    for (far, line) in [
        (
            "rest",
            "unrecognized subcommand 'rest'; see picklock --help",
        ),
        (
            "--jump",
            "unexpected argument '--jump' found; see picklock --help",
        ),
    ] {
        refused(&place, &[far], line);
    }
}

#[test]
fn folders_that_are_no_checkpoints_are_named() {
    let place = Place::new();
    let load = |line: &str| refused(&place, &["bench", "--load", "model"], line);
    load(
        "model: expected a folder, got nothing there; give the folder that holds config.json and \
         model.safetensors",
    );
    std::fs::create_dir(place.path("here/model")).unwrap();
    load(
        "model: expected config.json, got a folder without it; give the folder of a Hugging Face \
         model",
    );
    std::fs::write(place.path("here/model/config.json"), "{}").unwrap();
    std::fs::write(place.path("here/model/pytorch_model.bin"), "").unwrap();
    load(
        "model: expected model.safetensors, got pytorch_model.bin; convert it, if you trust it: \
         python3 -c \"from transformers import AutoModelForCausalLM as M; \
         M.from_pretrained('model', dtype='auto').save_pretrained('model-safetensors')\"",
    );
}

#[test]
fn numbers_out_of_range_are_named_with_their_range() {
    let place = Place::new();
    let invalid = |flag: &str, value: &str, name: &str, expected: &str| {
        format!("invalid value '{value}' for '{flag} <{name}>': {expected}; see picklock --help")
    };
    for (flag, last) in [
        ("--seeds", "10,000"),
        ("--width", "10,000"),
        ("--workers", "1,000"),
    ] {
        for value in ["0", "-5", "10001", "two", "1e3", "4294967297"] {
            let expected = format!("expected a whole number from 1 to {last}");
            let line = invalid(flag, value, "N", &expected);
            refused(&place, &["run", "core", "--no-build", flag, value], &line);
        }
    }
    let expected = "expected a whole number from 0 to 18,446,744,073,709,551,615";
    let line = invalid("--root-seed", "-1", "N", expected);
    refused(&place, &["plan", "--root-seed", "-1"], &line);
    let line = invalid("--points", "-3", "N", "expected a number from 0 to 100");
    refused(&place, &["power", "--points", "-3"], &line);
    let line = invalid(
        "--keep-gb",
        "-1",
        "N",
        "expected a number from 0 to 1,000,000",
    );
    refused(&place, &["cache", "prune", "--keep-gb", "-1"], &line);
    let expected = "expected I/N, as in 2/3, with I from 1 to N";
    let line = invalid("--shard", "-1/2", "I/N", expected);
    refused(&place, &["run", "--shard", "-1/2"], &line);
    let line = "seeds x draws is 100,000,000, expected 1 to 1,000,000";
    let many = [
        "plan",
        "core",
        "--organism",
        "micro",
        "--no-build",
        "--seeds",
        "10000",
    ];
    refused(&place, &[&many[..], &["--draws", "10000"]].concat(), line);
}

#[test]
fn missing_arguments_are_named() {
    let place = Place::new();
    for command in ["show", "report"] {
        let done = place.picklock(&[command]);
        assert!(done.refusal().contains("<RUN>"), "{}", done.stderr);
    }
    let done = place.picklock(&["plugins", "trust"]);
    assert!(done.refusal().contains("<FILES>"), "{}", done.stderr);
}

#[test]
fn a_plugins_folder_that_is_not_there_is_named() {
    let place = Place::new();
    let expected = "expected one with plugins/, hypotheses/ and organisms/";
    let line = format!("--plugins: nowhere: no such folder; {expected}");
    refused(&place, &["plan", "core", "--plugins", "nowhere"], &line);
    place.write("here/file", "something else");
    let line = format!("--plugins: file: is no folder; {expected}");
    refused(&place, &["status", "o", "--plugins", "file"], &line);
    let run = |folders: &str| place.run_with(&[("PICKLOCK_PLUGINS", folders)], &["--dry-run"]);
    run(":").ok();
    let line = format!("PICKLOCK_PLUGINS: nowhere: no such folder; {expected}");
    assert_eq!(
        run("root:nowhere").refusal(),
        line.replace("nowhere", "root")
    );
    let root = place.path("root").display().to_string();
    assert_eq!(run(&format!("{root}:nowhere")).refusal(), line);
}

#[test]
fn a_gpu_that_is_not_there_is_missed_before_anything_is_done() {
    if works(&mut Command::new("nvidia-smi")) {
        return skipped("there is a GPU");
    }
    let place = Place::new();
    let line = "device `cuda:0`: libtorch finds no GPU here; use --device cpu";
    refused(
        &place,
        &[
            "run",
            "core",
            "--no-build",
            "--organism",
            "micro",
            "--device",
            "cuda:0",
        ],
        line,
    );
}

#[test]
fn an_organism_file_is_checked_key_by_key() {
    let cases = [
        (
            "n_embd = 16",
            "n_emdb = 16",
            "7:11: unknown key `n_emdb`; did you mean `n_embd`?",
        ),
        (
            "[task.chain]",
            "[task.chian]",
            "2:7: unknown key `chian`; did you mean `chain`?",
        ),
        (
            "optimizer.adamw",
            "optimizer.adam",
            "10:11: unknown key `adam`; did you mean `adamw`?",
        ),
        (
            "beta1",
            "beta_1",
            "10:21: unknown key `beta_1`; did you mean `beta1`?",
        ),
        (
            "steps = 40",
            "steps = \"many\"",
            "12:9: invalid type: string \"many\", expected u32",
        ),
        (
            "steps = 40",
            "steps = 0",
            " base.train.steps is 0 or missing, expected 1 to 10,000,000",
        ),
        (
            "beta1 = 0.9",
            "beta1 = nan",
            " base.train.beta1 is NaN, expected from 0 to below 1",
        ),
        (
            "beta2 = 0.98",
            "beta2 = 1.0",
            " base.train.beta2 is 1, expected from 0 to below 1",
        ),
        (
            "n_head = 2",
            "n_head = 3",
            " base.model.n_embd is 16, expected a multiple of n_head 3",
        ),
        (
            "modulus = 5",
            "modulus = 1",
            " task.chain.modulus is 1, expected 2 to 100",
        ),
        (
            "weak_gap = 0.25",
            "weak_gap = 25",
            " gate.weak_gap is 25, expected 0 to 1",
        ),
        ("summary = ", "# ", "1:1: missing field `summary`"),
    ];
    let place = Place::new();
    let micro = std::fs::read_to_string(place.path("root/organisms/micro.toml")).unwrap();
    for (from, to, problem) in cases {
        assert!(micro.contains(from), "{from}");
        place.write("here/bad.toml", micro.replacen(from, to, 1));
        let run = ["run", "core", "--no-build", "--organism", "bad.toml"];
        refused(&place, &run, &format!("bad.toml:{problem}"));
    }
}

#[test]
fn a_hypothesis_file_is_checked_key_by_key() {
    // What is changed to what, the text whose line is named, the column, and the problem.
    let cases = [
        (
            "said_by",
            "sayd_by",
            "sayd_by",
            1,
            "unknown key `sayd_by`; did you mean `said_by`?",
        ),
        (
            "seeds = 4",
            "seed = 4",
            "seed = 4",
            11,
            "unknown key `seed`; did you mean `seeds`?",
        ),
        (
            "alpha = 0.05",
            "alpha = 5",
            "alpha = 5",
            1,
            "alpha is 5, expected above 0 to 0.2",
        ),
        (
            "curve = ",
            "curv = ",
            "curv = ",
            29,
            "unknown parameter `curv`; did you mean `curve`?",
        ),
        (
            "treated = \"unlock\"",
            "treated = \"unlok\"",
            "unlok\"",
            1,
            "unknown arm `core/unlok`; did you mean `core/unlock`?",
        ),
        (
            "name = \"varied\"",
            "name = \"vareid\"",
            "control = \"varied\"",
            1,
            "unknown arm `core/varied`; did you mean `core/vareid`?",
        ),
    ];
    let place = Place::new();
    let file = "root/hypotheses/core.toml";
    let core = std::fs::read_to_string(place.path(file)).unwrap();
    for (from, to, named, column, problem) in cases {
        assert!(core.contains(from), "{from}");
        let changed = core.replacen(from, to, 1);
        place.write(file, &changed);
        let line = 1 + changed
            .lines()
            .position(|line| line.contains(named))
            .unwrap();
        let refusal = format!("{}:{line}:{column}: {problem}", place.path(file).display());
        refused(
            &place,
            &["run", "core", "--no-build", "--organism", "micro"],
            &refusal,
        );
    }
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let place = Place::new();
    place.write("here/file", "something else");
    for out in ["file", "file/below"] {
        let done = place.run(&["core", "--out", out]);
        assert!(done.refusal().starts_with(out), "{}", done.stderr);
    }
    assert_eq!(
        std::fs::read(place.here("file")).unwrap(),
        b"something else"
    );
}

#[test]
fn a_results_folder_without_write_permission_is_named() {
    let place = Place::new();
    let results = place.here("results");
    std::fs::create_dir(&results).unwrap();
    let read_only = std::os::unix::fs::PermissionsExt::from_mode(0o555);
    std::fs::set_permissions(&results, read_only).unwrap();
    let run = ["core", "--seeds", "1", "--draws", "1"];
    // Permissions bind root only without this capability.
    let without = ["setpriv", "--bounding-set=-dac_override", "--"];
    let probe = results.join("probe");
    let bound = std::fs::write(&probe, "").is_err();
    let done = if bound {
        place.run(&run)
    } else if works(Command::new("setpriv").arg("--version")) {
        std::fs::remove_file(&probe).unwrap();
        place.wrapped(&without, &run)
    } else {
        return skipped("permissions don't bind this user, and there is no setpriv");
    };
    let expected = "results/micro-core: can't make the folder: permission denied; \
                    choose another folder with --out (PICKLOCK_CACHE for the cache), or change its \
                    permissions";
    let line = done.refusal();
    assert!(line.starts_with("results/micro-core"), "{line}");
    assert_eq!(line.replace("/journal", ""), expected);
    assert_eq!(std::fs::read_dir(&results).unwrap().count(), 0);
}

#[test]
fn a_read_only_file_system_is_named() {
    let place = Place::new();
    let script = "mkdir ro && mount -t tmpfs -o ro none ro && exec \"$@\"";
    let Some(done) = place.in_own_mounts(script, &["core", "--out", "ro/o"]) else {
        return skipped("this user may not mount");
    };
    let line = done.refusal();
    assert!(line.starts_with("ro/o"), "{line}");
    assert!(line.contains("read-only file"), "{line}");
}

#[test]
fn a_full_disk_loses_nothing() {
    let place = Place::new();
    let run = ["core", "--seeds", "2", "--draws", "2", "--out", "small/o"];
    // 8 pages take the manifest and some segments; then there is room, and the run goes on.
    let script = "mkdir small; mount -t tmpfs -o size=32k none small; \"$@\"; code=$?; \
                  ls small/o/journal | wc -l; ls -A small/o/journal | grep -c '^[.]'; \
                  mount -o remount,size=8m small; \"$@\" >&2 || exit; \
                  cat small/o/trials.csv small/o/outcomes.csv small/o/summary.csv; exit $code";
    let Some(done) = place.in_own_mounts(script, &run) else {
        return skipped("this user may not mount");
    };
    let done = done.with_code(2);
    let line = done.complaint();
    assert!(line.starts_with("small/o/"), "{line}");
    let full = "no space left on device; free some space, then give the same command again";
    assert!(line.ends_with(full), "{line}");
    let (kept, rest) = done.stdout.split_once('\n').unwrap();
    let (halves, rest) = rest.split_once('\n').unwrap();
    assert!(kept.parse::<usize>().unwrap() > 0, "{done:?}");
    assert_eq!(halves, "0", "half-written segments");
    let all = ["core", "--seeds", "2", "--draws", "2", "--out", "o"];
    place.run(&all).ok();
    assert_eq!(rest, tables(&place.here("o")));
}
