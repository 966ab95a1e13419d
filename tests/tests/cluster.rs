//! A run on a real Slurm, which `slurm/cluster.sh` sets up on this host: `make test-slurm`. It is
//! preempted, and loses nodes; it ends in the bytes of one run.

#![allow(clippy::unwrap_used, reason = "all of it is test code")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use picklock_tests::{Done, Place, skipped, tables, workspace};
use serde_json::Value;

/// Ten blocks of 8 cohorts; each cohort takes about a second.
const RUN: [&str; 11] = [
    "core",
    "--organism",
    "micro",
    "--seeds",
    "10",
    "--draws",
    "2",
    "--width",
    "2",
    "--out",
    "o",
];

/// How long anything may take.
const PATIENCE: Duration = Duration::from_mins(8);

/// A Slurm with four nodes of one core; torn down when dropped.
struct Cluster {
    place: Place,
    folder: PathBuf,
    environment: String,
}

impl Cluster {
    /// None, with the reason said, where there can be none, or nobody asks for it.
    fn start() -> Option<Self> {
        if std::env::var_os("PICKLOCK_TEST_SLURM").is_none() {
            skipped("a real Slurm is set up by make test-slurm alone");
            return None;
        }
        let place = Place::new();
        // The daemons' own users read there.
        let readable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(place.path(""), readable).unwrap();
        let folder = place.path("slurm");
        let done = script(&["start"], &folder, &[]);
        if done.code == Some(77) {
            skipped(done.stdout.trim());
            return None;
        }
        assert_eq!(done.code, Some(0), "{done:?}");
        let environment = folder.join("slurm.conf").display().to_string();
        Some(Self {
            place,
            folder,
            environment,
        })
    }

    /// Starts a node's daemon.
    fn node(&self, name: &str, wrapper: &[&str]) -> Done {
        script(&["node", name], &self.folder, wrapper)
    }

    fn picklock(&self, arguments: &[&str]) -> Done {
        let variables = [("SLURM_CONF", self.environment.as_str())];
        self.place.picklock_with(&variables, arguments)
    }

    fn submit(&self, arguments: &[&str]) -> Done {
        self.picklock(&[&["submit", "--slurm", "--no-build"], arguments].concat())
    }

    /// What one of Slurm's commands says.
    fn slurm(&self, command: &str, arguments: &[&str]) -> String {
        self.asked(command, arguments).ok().stdout
    }

    fn asked(&self, command: &str, arguments: &[&str]) -> Done {
        let mut command = Command::new(command);
        let command = command.args(arguments).env("SLURM_CONF", &self.environment);
        Done::of(command.current_dir(self.place.path("")))
    }

    fn status(&self) -> Value {
        let done = self.picklock(&["status", "o", "--json"]);
        serde_json::from_str(&done.stdout).unwrap_or_else(|_| panic!("{done:?}"))
    }

    /// Tasks of the newest job, by state.
    fn tasks(&self, state: &str) -> Vec<Value> {
        let status = self.status();
        let tasks = status["jobs"][0]["tasks"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        tasks
            .into_iter()
            .filter(|task| task["state"] == state)
            .collect()
    }

    fn wait_for(&self, what: &str, is_so: impl Fn() -> bool) {
        let start = Instant::now();
        while !is_so() {
            let status = || self.picklock(&["status", "o"]).stdout;
            assert!(
                start.elapsed() < PATIENCE,
                "waited for {what} in vain: {}",
                status()
            );
            std::thread::sleep(Duration::from_millis(300));
        }
    }

    fn wait_for_the_report(&self) {
        self.wait_for("the report", || {
            let next = self.status()["next"].as_str().unwrap().to_string();
            assert!(
                !next.contains("sends what is missing"),
                "{}",
                self.picklock(&["status", "o"]).stdout
            );
            next.starts_with("nothing; ")
        });
        assert!(self.place.here("o/report.html").exists());
    }

    /// The bytes of the same run in one process, with models of its own.
    fn alone(&self) -> BTreeMap<String, Vec<u8>> {
        let cache = self.place.path("cache-alone").display().to_string();
        let mut run = RUN.to_vec();
        run[10] = "alone";
        self.place
            .run_with(
                &[("PICKLOCK_CACHE", &cache)],
                &[&run[..], &["--workers", "1"]].concat(),
            )
            .ok();
        derived(&self.place.here("alone"))
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // Whatever a test that failed has left, and without another panic.
        self.asked("scancel", &["--user=root"]);
        let start = Instant::now();
        let busy = || !self.asked("squeue", &["--noheader"]).stdout.is_empty();
        while busy() && start.elapsed() < PATIENCE {
            std::thread::sleep(Duration::from_millis(200));
        }
        script(&["stop"], &self.folder, &[]);
    }
}

/// `WRAPPER... sh cluster.sh WORD FOLDER MORE`, to its end.
fn script(words: &[&str], folder: &Path, wrapper: &[&str]) -> Done {
    let script = workspace().join("tests/slurm/cluster.sh");
    let [script, folder] = [script.as_path(), folder].map(|path: &Path| path.display().to_string());
    let command = [wrapper, &["sh", &script, words[0], &folder], &words[1..]].concat();
    Done::of(Command::new(command[0]).args(&command[1..]))
}

/// Files that derive from the journal.
fn derived(run: &Path) -> BTreeMap<String, Vec<u8>> {
    let names = ["trials.csv", "outcomes.csv", "summary.csv"];
    names
        .map(|name| (name.to_string(), std::fs::read(run.join(name)).unwrap()))
        .into()
}

/// How often each cohort of each shard began, and ended, as the workers' logs say.
fn cohorts(run: &Path) -> BTreeMap<String, (usize, usize)> {
    let mut cohorts: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for entry in std::fs::read_dir(run.join("logs")).unwrap() {
        let path = entry.unwrap().path();
        for line in std::fs::read_to_string(&path).unwrap().lines() {
            let Some((event, rest)) = line
                .split_once("cohort ")
                .map(|(_, rest)| rest.split_once(' ').unwrap())
            else {
                continue;
            };
            let arm = rest
                .split("arm=")
                .nth(1)
                .unwrap()
                .split(' ')
                .next()
                .unwrap();
            let count = cohorts
                .entry(format!("{} {arm}", path.display()))
                .or_default();
            match event {
                "begins" => count.0 += 1,
                _ => count.1 += 1,
            }
        }
    }
    cohorts
}

fn kill(file: &Path) {
    let pid = std::fs::read_to_string(file).unwrap();
    Done::of(Command::new("kill").args(["-9", pid.trim()])).ok();
}

#[test]
fn preempted_and_with_a_node_lost_it_ends_in_the_bytes_of_one_run() {
    let Some(cluster) = Cluster::start() else {
        return;
    };
    cluster
        .place
        .change("root/organisms/micro.toml", "steps = 20\n", "steps = 300\n");
    let done = cluster
        .submit(&[&RUN[..], &["--array-size", "10"]].concat())
        .ok();
    println!("{}", done.stdout);
    cluster.wait_for("tasks at work", || {
        let status = cluster.status();
        status["processes"].as_array().unwrap().len() == 4
            && status["all"]["done"].as_u64() > Some(8)
    });

    // A fifth of the tasks is preempted.
    let log = cluster.place.path("high.log").display().to_string();
    cluster.slurm(
        "sbatch",
        &["-p", "high", "--array=1-2", "-o", &log, "--wrap", "sleep 3"],
    );
    cluster.wait_for("a preempted task", || {
        let reasons = cluster.tasks("queued");
        reasons
            .iter()
            .filter(|task| task["reason"] == "BeginTime")
            .count()
            == 2
    });
    println!("{}", cluster.picklock(&["status", "o"]).stdout);

    // A node's daemon dies; what it started lives on for a while. Slurm gives it up after 15 s and
    // starts its task elsewhere, which finds the shard held.
    let running = cluster.tasks("running");
    let node = running[0]["node"].as_str().unwrap().to_string();
    kill(&cluster.folder.join(format!("slurmd-{node}.pid")));
    cluster.wait_for("a lost node", || {
        cluster
            .slurm("sinfo", &["-h", "-n", &node, "-p", "low", "-o", "%t"])
            .trim()
            .starts_with("down")
    });
    println!(
        "{node} is down: {}",
        cluster.picklock(&["status", "o"]).stdout
    );
    cluster.node(&node, &[]).ok();

    cluster.wait_for_the_report();
    let (here, alone) = (derived(&cluster.place.here("o")), cluster.alone());
    assert!(here == alone, "other bytes than one run");
    assert!(tables(&cluster.place.here("o")) == tables(&cluster.place.here("alone")));
    let cohorts = cohorts(&cluster.place.here("o"));
    assert_eq!(cohorts.len(), 80);
    assert!(
        cohorts.values().all(|(_, ends)| *ends == 1),
        "done twice: {cohorts:#?}"
    );
    let again: usize = cohorts.values().map(|(begins, ends)| begins - ends).sum();
    println!(
        "80 cohorts, 2 of 10 tasks preempted, a daemon lost: {again} cohorts in flight were repeated"
    );
    assert!(again <= 3, "{cohorts:#?}");
}

#[test]
fn what_goes_wrong_on_a_node_is_one_line_of_status_and_costs_its_tasks_alone() {
    let Some(cluster) = Cluster::start() else {
        return;
    };
    // node1 has a full disk where models are kept; node2 doesn't see the run's folder.
    std::fs::create_dir_all(cluster.place.path("cache")).unwrap();
    for (node, folder, size) in [("node1", "cache", "64k"), ("node2", "here", "64m")] {
        let pid = cluster.folder.join(format!("slurmd-{node}.pid"));
        kill(&pid);
        let mount = format!(
            "mount --make-rprivate / && mount -t tmpfs -o size={size} none '{}' && exec \"$@\"",
            cluster.place.path(folder).display()
        );
        let done = cluster.node(node, &["unshare", "-m", "sh", "-c", &mount, "sh"]);
        if done.code != Some(0) {
            return skipped(&format!("no mounts here: {}", done.stderr.trim()));
        }
    }
    let run = [&RUN[..], &["--array-size", "4"]].concat();
    cluster.submit(&run).ok();
    cluster.wait_for("the tasks' end", || {
        cluster.tasks("done").len() + cluster.tasks("failed").len() == 4
    });
    let shown = cluster.picklock(&["status", "o"]).stdout;
    println!("{shown}");
    assert!(
        shown.contains("no space left on device; free some space"),
        "{shown}"
    );
    assert!(shown.contains(": left no log: node2 can't see "), "{shown}");
    assert!(
        shown.contains("`picklock submit --slurm o` sends what is missing again"),
        "{shown}"
    );
    // Mended: the nodes are left out.
    let done = cluster
        .submit(&["o", "--sbatch-arg=--exclude=node1,node2"])
        .ok();
    println!("{}", done.stdout);
    assert!(!done.stdout.contains("tasks 1-4 "), "{done:?}");
    cluster.wait_for_the_report();
    assert!(
        derived(&cluster.place.here("o")) == cluster.alone(),
        "other bytes than one run"
    );
}

#[test]
fn slurms_refusals_are_one_line() {
    let Some(cluster) = Cluster::start() else {
        return;
    };
    let submit = |more: &[&str]| cluster.submit(&[&RUN[..], more].concat());
    let done = submit(&["--partition", "hihg"]);
    assert_eq!(
        done.complaint(),
        "unknown partition `hihg`; did you mean `high`?"
    );
    let done = submit(&["--array-size", "500"]);
    assert!(
        done.complaint()
            .ends_with("at most 100 tasks (MaxArraySize 101); give at most that"),
        "{done:?}"
    );
    let done = submit(&["--gres", "gpu:1"]);
    assert!(
        done.complaint()
            .starts_with("sbatch: Invalid generic resource"),
        "{done:?}"
    );
    assert!(
        !cluster.place.here("o/journal").exists(),
        "nothing has begun"
    );
}
