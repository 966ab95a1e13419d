//! What Slurm gave this process, as it says in the environment.

use std::env::var;

/// The job that this process belongs to, as in `12`, or `12_3` for a task of an array.
pub fn job_here() -> Option<String> {
    let set = |name: &str| var(name).ok().filter(|value| !value.is_empty());
    let task = set("SLURM_ARRAY_JOB_ID").zip(set("SLURM_ARRAY_TASK_ID"));
    let task = task.map(|(job, task)| format!("{job}_{task}"));
    task.or_else(|| set("SLURM_JOB_ID"))
}

/// Whether this process is a task of a job array.
pub fn is_task() -> bool {
    std::env::var_os("SLURM_ARRAY_TASK_ID").is_some()
}

/// The GPUs of this job as libtorch numbers them; `visible` is how many it sees.
pub fn gpus(visible: usize) -> Vec<String> {
    let list = |name: &str| var(name).unwrap_or_default();
    let job = ["SLURM_STEP_GPUS", "SLURM_JOB_GPUS"].map(list);
    devices(&list("CUDA_VISIBLE_DEVICES"), &job, visible)
}

/// `cuda:0`, ... for each GPU that is visible. Where Slurm only says which ones of the node are the
/// job's, and fences off none of the others, they go by their numbers on the node.
fn devices(visible_devices: &str, of_job: &[String], visible: usize) -> Vec<String> {
    let named = |index: usize| format!("cuda:{index}");
    let count = entries(visible_devices).len();
    if count > 0 {
        return (0..count).map(named).collect();
    }
    let of_job = of_job
        .iter()
        .map(|list| entries(list))
        .max_by_key(Vec::len)
        .unwrap_or_default();
    if visible > of_job.len() {
        of_job.iter().map(|index| format!("cuda:{index}")).collect()
    } else {
        (0..of_job.len()).map(named).collect()
    }
}

/// Of a list with commas; Slurm writes `NoDevFiles` into one that is empty.
fn entries(list: &str) -> Vec<&str> {
    list.split(',')
        .map(str::trim)
        .filter(|entry| !entry.is_empty() && *entry != "NoDevFiles")
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_what_slurm_gave() {
        let job = |list: &str| [String::new(), list.to_string()];
        assert_eq!(devices("3", &job("3"), 1), ["cuda:0"]);
        assert_eq!(devices("2,5", &job("2,5"), 2), ["cuda:0", "cuda:1"]);
        assert_eq!(devices("MIG-8f2a", &job("0"), 1), ["cuda:0"]);
        // Fenced off by the system, and not: then they go by their numbers on the node.
        assert_eq!(devices("", &job("2,3"), 2), ["cuda:0", "cuda:1"]);
        assert_eq!(devices("", &job("2,3"), 8), ["cuda:2", "cuda:3"]);
        for none in ["", "NoDevFiles"] {
            assert_eq!(devices(none, &job(""), 8), [""; 0]);
        }
    }
}
