//! `picklock submit`, beside commands that only look like Slurm's. The real ones are in `cluster.rs`.

#![allow(clippy::unwrap_used, reason = "all of it is test code")]

use std::path::Path;
use std::time::{Duration, Instant};

use picklock_tests::{FakeSlurm, MICRO, Place, children, tables, wait_for};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// Four blocks of 8 cohorts of one trial.
const RUN: [&str; 11] = [
    "core",
    "--organism",
    "micro",
    "--seeds",
    "4",
    "--draws",
    "1",
    "--width",
    "1",
    "--out",
    "o",
];

fn with<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&RUN[..], more].concat()
}

fn script(place: &Place) -> String {
    std::fs::read_to_string(place.here("o/slurm/tasks.sh")).unwrap()
}

fn json(slurm: &FakeSlurm) -> Value {
    let done = slurm.picklock(&["status", "o", "--json"]);
    serde_json::from_str(&done.stdout).unwrap()
}

/// Removes the segments of the run's last seed.
fn lose_the_last_seed(place: &Place) {
    let log = std::fs::read_to_string(place.here("o/trials.csv")).unwrap();
    assert!(log.lines().count() > 1);
    let mut removed = 0;
    for entry in std::fs::read_dir(place.here("o/journal")).unwrap() {
        let path = entry.unwrap().path();
        if segment(&path).contains(r#""seed":3"#) {
            std::fs::remove_file(path).unwrap();
            removed += 1;
        }
    }
    assert_eq!(removed, 8);
}

fn segment(path: &Path) -> String {
    let bytes = std::fs::read(path).unwrap();
    String::from_utf8(zstd::decode_all(&bytes[..]).unwrap()).unwrap()
}

#[test]
fn its_tasks_give_the_bytes_of_one_run_and_only_what_is_missing_is_sent_again() {
    let alone = Place::new();
    alone.run(&with(&["--workers", "1"])).ok();
    let place = Place::new();
    let slurm = FakeSlurm::new(&place);
    let done = slurm
        .submit(&with(&["--array-size", "4", "--max-running", "2"]))
        .ok();
    assert!(
        done.stdout
            .starts_with("submitted: job 11, tasks 1-4 of 4; job 12 reports"),
        "{done:?}"
    );
    assert!(
        done.stderr.contains("cut into 4 tasks of about "),
        "{}",
        done.stderr
    );
    let told = slurm.submitted();
    let folder = place.here("o/slurm");
    let folder = folder.display();
    assert_eq!(told[0], format!("--parsable {folder}/tasks.sh"));
    assert_eq!(
        told[1],
        format!("--parsable --dependency=afterany:11 {folder}/report.sh")
    );
    assert!(
        script(&place).contains("\n#SBATCH --array=1-4%2\n"),
        "{}",
        script(&place)
    );

    let shown = slurm.picklock(&["status", "o"]).with_code(1).stdout;
    assert!(
        shown
            .starts_with("hypothesis  trials  done  running  failed  missing\nin all          32 "),
        "{shown}"
    );
    slurm.answers("squeue", "11_1|RUNNING|None|n1\n11_2|PENDING|Priority|\n11_3|PENDING|Priority|\n11_4|PENDING|Priority|\n12|PENDING|Dependency|\n");
    let shown = slurm.picklock(&["status", "o"]).with_code(1).stdout;
    assert!(
        shown.contains("\njob 11: tasks: 1 running, 3 queued (Priority); job 12 will report\n"),
        "{shown}"
    );
    assert!(
        shown.ends_with(
            "\nnext: wait for the 4 tasks that wait or run; job 12 reports at their end\n"
        ),
        "{shown}"
    );
    let done = slurm.submit(&RUN).ok();
    assert!(
        done.stdout
            .starts_with("nothing to submit: what is missing is under way in 4 tasks"),
        "{done:?}"
    );
    slurm.answers("squeue", "");

    for task in [3, 1, 2, 4] {
        assert!(
            slurm.task("o", 11, task).status().unwrap().success(),
            "task {task}"
        );
    }
    assert!(slurm.picklock(&["report", "o"]).code == Some(0));
    assert!(
        tables(&place.here("o")) == tables(&alone.here("o")),
        "other bytes"
    );
    let done = slurm.submit(&["o"]).ok();
    assert!(
        done.stdout
            .starts_with("nothing to submit: all trials are in the journal"),
        "{done:?}"
    );

    lose_the_last_seed(&place);
    let status = json(&slurm);
    assert_eq!(status["jobs"][0]["tasks"][3]["state"], "failed", "{status}");
    assert_eq!(status["jobs"][0]["tasks"][2]["state"], "done", "{status}");
    let done = slurm.submit(&["o"]).ok();
    assert!(
        done.stdout
            .starts_with("submitted: job 13, tasks 4 of 4; job 14"),
        "{done:?}"
    );
    assert!(script(&place).contains("\n#SBATCH --array=4\n"));
    assert!(slurm.task("o", 13, 4).status().unwrap().success());
    assert!(slurm.picklock(&["report", "o"]).code == Some(0));
    assert!(
        tables(&place.here("o")) == tables(&alone.here("o")),
        "other bytes"
    );
    assert_eq!(slurm.picklock(&["status", "o"]).code, Some(0));

    place.write(
        "here/o/slurm/report-14.log",
        "picklock: no space left on device\n",
    );
    slurm.answers("squeue", "14|FAILED|None|n1\n");
    let shown = slurm.picklock(&["status", "o"]).stdout;
    let failed = "; job 14 didn't report: no space left on device; log o/slurm/report-14.log\n";
    assert!(shown.contains(failed), "{shown}");
}

#[test]
fn a_dry_run_prints_the_script_and_writes_nothing() {
    let place = Place::new();
    let bin = place.path("none").display().to_string();
    place.write("home/.config", "");
    let run = with(&[
        "--dry-run",
        "--array-size",
        "2",
        "--sbatch-arg=--comment=two words",
        "--no-build",
    ]);
    let submit = [&["submit", "--slurm"], &run[..]].concat();
    let variables = [
        ("PATH", bin.as_str()),
        ("XDG_CONFIG_HOME", "nowhere"),
        ("PICKLOCK_MODELS", "/models"),
        ("PICKLOCK_DATA", "/data of mine"),
    ];
    let done = place.picklock_with(&variables, &submit).ok();
    for line in [
        "export PICKLOCK_MODELS=/models",
        "export PICKLOCK_DATA='/data of mine'",
        "#SBATCH --array=1-2",
        "#SBATCH --requeue",
        "#SBATCH --cpus-per-task=1",
        "#SBATCH --comment=\"two words\"",
    ] {
        assert!(
            done.stdout.lines().any(|found| found == line),
            "{line}: {}",
            done.stdout
        );
    }
    assert!(!place.here("o").exists());
}

/// A model of 1.2 billion weights: a GPU of 80 GiB has room to train one, not 64 side by side.
#[test]
fn large_models_are_cut_for_the_memory_of_the_nodes_gpus() {
    let place = Place::new();
    let shape = "model = { n_embd = 16, n_layer = 1, n_head = 2 }";
    assert!(MICRO.contains(shape));
    let large = "model = { n_embd = 2048, n_layer = 24, n_head = 16 }";
    place.write("root/organisms/large.toml", MICRO.replace(shape, large));
    let script = |memory: &[&str]| {
        let submit = [
            "submit",
            "--slurm",
            "core",
            "--organism",
            "large",
            "--seeds",
            "8",
        ];
        let gpu = ["--draws", "8", "--gres", "gpu:1", "--dry-run", "--no-build"];
        let done = place.picklock(&[&submit[..], &gpu, memory].concat()).ok();
        done.stdout
    };
    let wide = script(&[]);
    assert!(wide.contains(" --width 64 "), "{wide}");
    let narrow = script(&["--gpu-memory", "80"]);
    assert!(narrow.contains(" --width 1 "), "{narrow}");
    let profile = "gpu_memory = 640\n";
    place.write("home/.config/picklock/slurm.toml", profile);
    let wider = script(&[]);
    assert!(
        !wider.contains(" --width 1 ") && !wider.contains(" --width 64 "),
        "{wider}"
    );
    assert_eq!(script(&["--gpu-memory", "80"]), narrow);
}

#[test]
fn a_profile_speaks_where_flags_are_silent() {
    let place = Place::new();
    let slurm = FakeSlurm::new(&place);
    std::fs::create_dir_all(place.path("home/.config/picklock")).unwrap();
    let profile = "home/.config/picklock/slurm.toml";
    place.write(
        profile,
        "partition = \"cpu\"\ngres = \"gpu:1\"\nreport_partition = \"login\"\n\
        modules = [\"cuda/13.0\"]\nenvironment = [\"export A=1\"]\nsbatch = [\"--qos=low\"]\n",
    );
    let done = slurm
        .submit(&with(&["--partition", "gpu", "--dry-run"]))
        .ok();
    for line in [
        "#SBATCH --partition=gpu",
        "#SBATCH --gres=gpu:1",
        "#SBATCH --qos=low",
        "module load cuda/13.0",
        "export A=1",
    ] {
        assert!(
            done.stdout.lines().any(|found| found == line),
            "{line}: {}",
            done.stdout
        );
    }
    assert!(done.stdout.contains(" --devices slurm "), "{}", done.stdout);
    let done = slurm.submit(&with(&["--gres", "", "--dry-run"])).ok();
    assert!(
        done.stdout.contains(" --devices cpu --workers 1 "),
        "{}",
        done.stdout
    );
    slurm.submit(&with(&[])).ok();
    let report = std::fs::read_to_string(place.here("o/slurm/report.sh")).unwrap();
    assert!(
        report.contains("\n#SBATCH --partition=login\n")
            && !report.contains("--gres")
            && !report.contains("--qos"),
        "{report}"
    );
    place.write(profile, "# ours\npartitoin = \"cpu\"\n");
    let refusal = slurm.submit(&RUN).refusal().to_string();
    assert!(
        refusal.ends_with("slurm.toml:2:1: unknown key `partitoin`; did you mean `partition`?"),
        "{refusal}"
    );
}

#[test]
fn bad_input_is_one_line_and_nothing_is_lost() {
    let place = Place::new();
    let slurm = FakeSlurm::new(&place);
    let submit = [&["submit", "--slurm", "--no-build"], &RUN[..]].concat();
    let bin = place.path("none").display().to_string();
    let refusal = place
        .picklock_with(&[("PATH", &bin)], &submit)
        .refusal()
        .to_string();
    assert!(
        refusal.starts_with("no sbatch on the PATH; this is for a login node"),
        "{refusal}"
    );
    assert!(!place.here("o").exists());

    slurm.answers("scontrol", "MaxArraySize            = 3\n");
    let refusal = slurm
        .submit(&with(&["--array-size", "4"]))
        .refusal()
        .to_string();
    let expected = "--array-size 4: this cluster takes arrays of at most 2 tasks (MaxArraySize 3); give at most that";
    assert_eq!(refusal, expected);
    slurm.answers("scontrol", "");

    slurm.refuses("sbatch: error: invalid partition specified: hgih\nsbatch: error: Batch job submission failed: Invalid partition name specified\n");
    slurm.answers("sinfo", "low\nhigh\n");
    let done = slurm.submit(&with(&["--partition", "hgih"]));
    assert_eq!(
        done.complaint(),
        "unknown partition `hgih`; did you mean `high`?"
    );
    assert_eq!(done.code, Some(2));
    slurm.refuses("sbatch: error: QOSMaxSubmitJobPerUserLimit\nsbatch: error: Batch job submission failed: ...\n");
    let done = slurm.submit(&RUN);
    assert_eq!(done.complaint(), "sbatch: QOSMaxSubmitJobPerUserLimit");
    assert!(!place.here("o/slurm/job-11.json").exists());
    slurm.refuses("");

    let refusal = slurm
        .submit(&with(&["--gres", "gpu:1", "--workers", "2"]))
        .refusal()
        .to_string();
    assert_eq!(
        refusal,
        "--workers counts processes on a CPU; a GPU has one worker"
    );
    let refusal = slurm.submit(&["no/run"]).refusal().to_string();
    assert_eq!(refusal, "no/run: no run folder: it has no manifest.json");
    let refusal = slurm
        .submit(&with(&["--sbatch-arg=--array=1-9"]))
        .refusal()
        .to_string();
    assert_eq!(
        refusal,
        "the array is picklock's; see --array-size and --max-running"
    );
    let refusal = place.picklock(&["submit", "core"]).refusal().to_string();
    assert!(refusal.contains("--slurm"), "{refusal}");

    let on_what_slurm_gave = ["core", "--devices", "slurm"];
    let refusal = place.run(&on_what_slurm_gave).refusal().to_string();
    let expected =
        "--devices slurm: no Slurm job here, as SLURM_JOB_ID is not set, or give --devices cpu";
    assert_eq!(refusal, expected);
    let job = [("SLURM_JOB_ID", "5")];
    let refusal = place
        .run_with(&job, &on_what_slurm_gave)
        .refusal()
        .to_string();
    let expected = "--devices slurm: Slurm gave this job no GPU; ask for one with --gres gpu:1";
    assert!(refusal.starts_with(expected), "{refusal}");

    slurm.submit(&RUN).ok();
    let refusal = slurm
        .submit(&["o", "--organism", "micro"])
        .refusal()
        .to_string();
    assert!(
        refusal.starts_with("o says itself what it is of; leave --organism out"),
        "{refusal}"
    );
}

#[test]
fn a_node_with_another_picklock_says_so_and_status_too() {
    let place = Place::new();
    let slurm = FakeSlurm::new(&place);
    slurm.submit(&with(&["--array-size", "2"])).ok();
    let ours = script(&place);
    let version = ours.split(" --submitted-by ").nth(1).unwrap();
    let version = version.split_whitespace().next().unwrap();
    let other = ours.replace(&format!("--submitted-by {version}"), "--submitted-by 0.0.7");
    place.write("here/o/slurm/tasks.sh", other);
    let status = slurm.task("o", 11, 1).status().unwrap();
    assert_eq!(status.code(), Some(2));
    slurm.answers(
        "squeue",
        "11_1|FAILED|NonZeroExitCode|node-a\n11_2|COMPLETED|None|node-b\n",
    );
    let shown = slurm.picklock(&["status", "o"]).with_code(1).stdout;
    let failed = format!(
        "\n  task 11_1 (shard 1/2) failed: this is picklock {version}, and the run was submitted by picklock \
         0.0.7; give both the same one (`picklock` in slurm.toml says where nodes find it); log o/slurm/11_1.log\n"
    );
    assert!(shown.contains(&failed), "{shown}");
    assert!(shown.contains("\n  task 11_2 (shard 2/2) failed: left no log: node-b can't see o; choose a folder on a disk that all nodes share (--out); log "), "{shown}");
    assert!(
        shown.ends_with("\nnext: `picklock submit --slurm o` sends what is missing again\n"),
        "{shown}"
    );
}

/// How many cohorts the journal holds.
fn journal(place: &Place) -> usize {
    std::fs::read_dir(place.here("o/journal")).map_or(0, Iterator::count)
}

/// One task with 16 cohorts, each of which takes long enough to be disturbed.
fn one_long_task(place: &Place) -> FakeSlurm<'_> {
    let slurm = FakeSlurm::new(place);
    place.change("root/organisms/micro.toml", "steps = 20\n", "steps = 150\n");
    let mut run = with(&["--array-size", "1"]);
    run[4] = "2";
    slurm.submit(&run).ok();
    slurm
}

#[test]
fn a_signal_to_a_task_drops_what_is_in_flight_and_nothing_else() {
    let place = Place::new();
    let slurm = one_long_task(&place);
    slurm.answers("scontrol", "requeued\n");
    // Slurm signals the script, and where it tracks processes by cgroup all of them. Near the time
    // limit it is the script's alone, which then asks to be started again; not for ever.
    let preempted = (Signal::TERM, "0", 130, 0);
    let near_its_limit = (Signal::USR1, "0", 0, 1);
    let once_too_often = (Signal::USR1, "20", 130, 1);
    for (signal, restarts, code, requeued) in [preempted, near_its_limit, once_too_often] {
        let before = journal(&place);
        let mut task = slurm.task("o", 11, 1);
        let mut shell = task.env("SLURM_RESTART_COUNT", restarts).spawn().unwrap();
        let pid = Pid::from_child(&shell);
        wait_for("cohorts", || journal(&place) > before + 1);
        let start = Instant::now();
        if signal == Signal::TERM {
            let supervisor = children(pid).pop().unwrap();
            let workers = children(supervisor);
            assert!(!workers.is_empty());
            for process in workers.into_iter().chain([supervisor]) {
                kill_process(process, signal).unwrap();
            }
        }
        kill_process(pid, signal).unwrap();
        assert_eq!(shell.wait().unwrap().code(), Some(code));
        assert!(
            start.elapsed() < Duration::from_secs(30),
            "{:?}",
            start.elapsed()
        );
        let log = std::fs::read_to_string(place.here("o/slurm/11_1.log")).unwrap();
        assert_eq!(log.matches("requeued\n").count(), requeued, "{log}");
    }
    let status = json(&slurm);
    assert_eq!(status["all"]["failed"], 0, "{status}");
    assert!(slurm.task("o", 11, 1).status().unwrap().success());
    assert_eq!(json(&slurm)["all"]["done"], 16);
    let log = std::fs::read_to_string(place.here("o/logs/worker-0-1-of-1.log")).unwrap();
    let count = |what: &str| log.matches(what).count();
    assert_eq!(
        count("cohort ends"),
        16,
        "a cohort was run again that was done: {log}"
    );
    assert!(
        count("cohort begins") <= 16 + 3,
        "more than those in flight: {log}"
    );
}

#[test]
fn a_task_waits_for_the_shard_that_another_process_still_holds() {
    let place = Place::new();
    let slurm = one_long_task(&place);
    let mut first = slurm.task("o", 11, 1).spawn().unwrap();
    wait_for("a claim", || place.here("o/.running-1-of-1").exists());
    let supervisor = children(Pid::from_child(&first)).pop().unwrap();
    kill_process(supervisor, Signal::STOP).unwrap();
    let mut second = slurm.task("o", 11, 1).spawn().unwrap();
    let log = || std::fs::read_to_string(place.here("o/slurm/11_1.log")).unwrap();
    let words = ".lock-1-of-1: held by another process; waiting for its end";
    wait_for("its patience", || log().contains(words));
    let shown = slurm.picklock(&["status", "o"]).with_code(1).stdout;
    assert!(shown.contains(", job 11_1\n"), "{shown}");
    // It dies without a word.
    kill_process(supervisor, Signal::KILL).unwrap();
    assert!(!first.wait().unwrap().success());
    assert!(second.wait().unwrap().success());
    assert_eq!(json(&slurm)["all"]["done"], 16);
}
