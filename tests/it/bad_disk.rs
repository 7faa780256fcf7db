//! Disks that are full or cannot be written to: a clear word, nothing ordered, nothing lost.

use std::path::Path;
use std::process::{Command, Stdio};

use certplan::sandbox::LoggedRequest;

use crate::harness::{Finished, Project, World, finish, impatient_plan};

/// The command in a shell of its own that may mount; `prepare` runs there first. None where the
/// machine does not let us.
fn in_own_mounts(command: &Command, prepare: &str) -> Option<Command> {
    let unshare = |script: &str| {
        let mut shell = Command::new("unshare");
        shell.args(["--user", "--map-root-user", "--mount", "sh", "-c", script, "sh"]);
        shell.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        shell.current_dir(command.get_current_dir().unwrap_or_else(|| Path::new("/")));
        shell
    };
    if !unshare(prepare).status().is_ok_and(|status| status.success()) {
        // Such a machine cannot show it; the others do.
        return None;
    }
    let mut shell = unshare(&format!("{prepare} && exec \"$@\""));
    shell.arg(command.get_program()).args(command.get_args());
    shell.env_clear().env("PATH", "/usr/bin:/bin:/usr/sbin:/sbin");
    shell.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    Some(shell)
}

/// Runs a command where the project's state folder cannot be written to.
fn run_read_only(project: &Project, command: &Command) -> Option<Finished> {
    let folder = project.path().join(".certplan").display().to_string();
    let prepare =
        format!("mount --bind '{folder}' '{folder}' && mount -o remount,bind,ro '{folder}'");
    in_own_mounts(command, &prepare).map(finish)
}

#[test]
fn on_a_read_only_disk_everything_can_be_looked_at_and_nothing_is_ordered() {
    let world = World::live();
    let project = Project::new();
    project.write("plan.yaml", impatient_plan("dv.yaml"));
    let done = project.run_for(&world.base_url(), &["run", "plan.yaml"]).expect_code(0);
    let (run, certificate) = (done.value("run"), done.value("certificate"));
    for arguments in [
        &["status"][..],
        &["show", &run],
        &["explain", &run],
        &["events", &run],
        &["status", "--output", "json"],
    ] {
        let Some(seen) = run_read_only(&project, &project.command(arguments)) else { return };
        let _ = seen.expect_code(0).expect_data(&certificate);
    }
    let Some(seen) = run_read_only(&project, &project.command(&["doctor"])) else { return };
    let _ = seen.expect_code(0).expect_data("the state file is whole");
    let requests = world.requests().len();
    for arguments in [&["run", "plan.yaml", "--again"][..], &["resume", "--all"]] {
        let command = project.command_for(&world.base_url(), arguments);
        let Some(refused) = run_read_only(&project, &command) else { return };
        let _ = refused.expect_code(2).expect_no_data().expect_talk("state.db");
    }
    assert_eq!(world.requests().len(), requests);
}

/// A run on a disk of so many kilobytes, then a resume and the same run again on one with room:
/// what the three of them said, and their exit codes.
fn run_out_of_space(world: &World, kilobytes: u32, name: &str) -> Option<(Finished, [i32; 3])> {
    let project = Project::new();
    project.write("plan.yaml", impatient_plan("dv.yaml"));
    let folder = project.path().join(".certplan");
    std::fs::create_dir(&folder).unwrap();
    let folder = folder.display().to_string();
    let program = project.command(&[]).get_program().to_str().unwrap().to_owned();
    let run = format!("'{program}' run plan.yaml --input common_name={name}");
    let script = format!(
        "{run}; echo \"code $?\"; mount -o remount,size=20m '{folder}'; \
         '{program}' resume --all; echo \"code $?\"; {run}; echo \"code $?\""
    );
    let mut shell = Command::new("sh");
    shell.args(["-c", &script]).current_dir(project.path()).env_clear();
    let whole = project.command_for(&world.base_url(), &[]);
    shell.envs(whole.get_envs().filter_map(|(name, value)| Some((name, value?))));
    shell.env("CERTPLAN_SETTLING_DELAY", "1s");
    let prepare = format!("mount -t tmpfs -o size={kilobytes}k,mode=0700 tmpfs '{folder}'");
    let ended = finish(in_own_mounts(&shell, &prepare)?);
    let codes = ended.stdout.lines().filter_map(|line| line.strip_prefix("code ")?.parse().ok());
    let codes = codes.collect::<Vec<i32>>().try_into().unwrap_or_else(|_| panic!("{ended}"));
    Some((ended, codes))
}

#[test]
fn on_a_full_disk_the_reason_is_said_and_no_order_is_lost_or_doubled() {
    let world = World::live();
    let mut failed = Vec::new();
    // Room for the first files, the key or the intent; the run ends where it is used up.
    for kilobytes in [16, 40, 60, 80, 100, 120, 140, 160, 4096] {
        let name = format!("n{kilobytes}.example.com");
        let requests = world.requests().len();
        let Some((ended, codes)) = run_out_of_space(&world, kilobytes, &name) else { return };
        let [first, resumed, again] = codes;
        assert!([0, 1, 2].contains(&first), "{kilobytes}: {ended}");
        if first != 0 {
            failed.push(kilobytes);
            let said = ended.stderr.to_lowercase();
            assert!(said.contains("space") || said.contains("full"), "{kilobytes}: {ended}");
        }
        // With room again there is one order, whatever had been recorded of it, and it is issued.
        assert!([0, 2].contains(&resumed), "{kilobytes}: {ended}");
        assert_eq!(again, 0, "{kilobytes}: {ended}");
        let orders = world.orders();
        let ours: Vec<_> = orders.iter().filter(|order| order.common_name == name).collect();
        assert_eq!(ours.len(), 1, "{kilobytes}: {ended}");
        assert_eq!(ours[0].status, "issued", "{kilobytes}: {ended}");
        assert!(ended.stdout.contains(&ours[0].id), "{kilobytes}: {ended}");
        let sent = world.requests().split_off(requests);
        let posted = |request: &&LoggedRequest| {
            request.method == "POST" && request.path == "/tls/certificate"
        };
        assert_eq!(sent.iter().filter(posted).count(), 1, "{kilobytes}: {ended}");
    }
    assert!(failed.len() > 2 && !failed.contains(&4096), "only these failed: {failed:?}");
}
