//! Disks that are full or cannot be written to: a clear word, nothing ordered, nothing lost.

use std::path::Path;
use std::process::{Command, Stdio};

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

#[test]
fn on_a_full_disk_the_reason_is_said_and_no_order_is_lost_or_doubled() {
    let world = World::live();
    // Room for the first files, the key or the intent; the run ends where it is used up.
    for kilobytes in [16, 40, 60, 80, 100, 120, 160] {
        let project = Project::new();
        project.write("plan.yaml", impatient_plan("dv.yaml"));
        let folder = project.path().join(".certplan");
        std::fs::create_dir(&folder).unwrap();
        let name = format!("n{kilobytes}.example.com");
        let input = format!("common_name={name}");
        let arguments = ["run", "plan.yaml", "--input", &input];
        let command = project.command_for(&world.base_url(), &arguments);
        let folder = folder.display().to_string();
        let prepare = format!("mount -t tmpfs -o size={kilobytes}k,mode=0700 tmpfs '{folder}'");
        let Some(command) = in_own_mounts(&command, &prepare) else { return };
        let ended = finish(command);
        let orders = world.orders();
        let orders = orders.iter().filter(|order| order.common_name == name).count();
        // Even when the answer could not be recorded, its id is said.
        assert!(orders <= 1, "{ended}");
        if ended.code != 0 {
            let said = ended.stderr.to_lowercase();
            assert!(said.contains("space") || said.contains("full"), "{kilobytes}: {ended}");
        }
        if orders == 1 && ended.code != 0 {
            let id = world.orders().iter().find(|o| o.common_name == name).unwrap().id.clone();
            assert!([ended.stdout, ended.stderr].concat().contains(&id), "{kilobytes}");
        }
    }
}
