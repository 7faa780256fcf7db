//! The real program with inputs that can never work, or hardly: it says so before it orders.

use crate::harness::{Project, World, impatient_plan};

/// A project whose download expects what the input `expected` says.
fn project() -> Project {
    let project = Project::new();
    let plan = impatient_plan("dv.yaml")
        .replacen("inputs:\n", "inputs:\n  expected: { type: list, items: domain }\n", 1)
        .replacen(
            "      directory:",
            "      names: \"{{ inputs.expected }}\"\n      directory:",
            1,
        );
    project.write("plan.yaml", plan);
    project
}

#[test]
fn what_would_fail_after_the_order_is_not_ordered() {
    let (world, project) = (World::live(), project());
    let names = ["--input", "common_name=www.a.com", "--input", "expected=shop.a.com"];
    let run = [&["run", "plan.yaml"][..], &names].concat();
    let run = project.run_for(&world.base_url(), &run).expect_code(2).expect_no_data();
    let _ = run.expect_talk(
        "step `certificate` would fail, after the order is paid: `shop.a.com` is expected, and step \
         `order` does not order it",
    );
    assert_eq!(world.requests(), []);
    // Of a batch, the others go their way.
    project.write(
        "inventory.yaml",
        "certplan_inventory: 1\nplan: plan.yaml\ntargets:\n  www.a.com: { inputs: { expected: \
         [shop.a.com] } }\n  www.b.com: { inputs: { expected: [b.com, www.b.com] } }\n",
    );
    let run = ["run", "--inventory", "inventory.yaml"];
    let run = project.run_for(&world.base_url(), &run);
    assert!(run.stdout.contains("after the order is paid"), "{run}");
    assert_eq!(world.only_order().common_name, "www.b.com");
}

#[test]
fn a_name_that_no_ca_issues_for_is_never_ordered() {
    let (world, project) = (World::new(), Project::new());
    project.write("plan.yaml", impatient_plan("dv.yaml"));
    let input = ["plan.yaml", "--input", "common_name=printer.local"];
    let preview = project.run_for(&world.base_url(), &[&["preview"], &input[..]].concat());
    let _ = preview.expect_code(2).expect_data("no certificate can be had for `printer.local`");
    let run = project.run_for(&world.base_url(), &[&["run"], &input[..]].concat());
    let _ = run.expect_code(1).expect_talk("no certificate can be had for `printer.local`");
    world.expect_nothing_ordered();
}

#[test]
fn what_is_hardly_meant_is_said_and_done() {
    let (world, project) = (World::live(), Project::new());
    project.write("plan.yaml", impatient_plan("dv-wildcard.yaml"));
    let input = ["plan.yaml", "--input", "common_name=*.a.com", "--input", "product=RapidSSL"];
    let text = "`RapidSSL` is hardly sold for `*.a.com`";
    let preview = project.run_for(&world.base_url(), &[&["preview"], &input[..]].concat());
    let _ = preview.expect_code(0).expect_data(text);
    let run = project.run_for(&world.base_url(), &[&["run"], &input[..]].concat());
    let _ = run.expect_talk(text);
    let slip = ["preview", "plan.yaml", "--input", "product=RapidSLLWildcard"];
    let preview = project.run_for(&world.base_url(), &slip).expect_code(0);
    let _ = preview.expect_data("no documentation has a product `RapidSLLWildcard`");
}
