//! The end of a batch: what became of every target, in which form, and which exit code.

use super::super::arguments::OutputFormat;
use super::super::batch_arguments::RecapFormat;
use super::super::console::Console;
use super::super::error::CliError;
use super::super::exit::ExitCode;
use super::order_anew::in_the_inventory;
use crate::report::{Recap, RecapResult, RecapRow, recap_junit, recap_markdown, recap_table};
use crate::store::BatchRequest;
use crate::types::{BatchId, Timestamp};

/// A batch that is over.
pub(super) struct Done {
    /// None when nothing was to be done.
    pub(super) batch: Option<BatchId>,
    /// What the command was asked to do.
    pub(super) asked: BatchRequest,
    /// Whether the embedded sandbox stood in for the real world.
    pub(super) sandbox: bool,
    /// A row for each target, in the order of the inventory.
    pub(super) rows: Vec<RecapRow>,
    pub(super) began_at: Timestamp,
}

/// The form that was asked for; `--output json` is one way to ask.
pub(super) fn form_of(recap: Option<RecapFormat>, output: OutputFormat) -> RecapFormat {
    match (recap, output) {
        (Some(form), _) => form,
        (None, OutputFormat::Json) => RecapFormat::Json,
        (None, OutputFormat::Text) => RecapFormat::Text,
    }
}

/// Shows what became of the batch, and gives the exit code.
pub(super) fn conclude(
    done: Done,
    form: RecapFormat,
    console: &Console,
) -> Result<ExitCode, CliError> {
    let Done { batch, asked, sandbox, rows, began_at } = done;
    let recap = Recap {
        batch: batch.as_ref().map(ToString::to_string),
        started_at: began_at,
        ended_at: Timestamp::now(),
        targets: rows,
    };
    show(&recap, form, console)?;
    let code = exit_code(&recap);
    for hint in hints(&recap, &asked, sandbox) {
        console.talk(&format!("{} {hint}", console.talk_style().strong("hint:")));
    }
    Ok(code)
}

/// Up to so many targets are listed one by one, whatever became of them.
const LISTED: usize = 40;

fn show(recap: &Recap, form: RecapFormat, console: &Console) -> Result<(), CliError> {
    let printed = |text: &str| text.lines().for_each(|line| console.data(line));
    match form {
        RecapFormat::Junit => printed(&recap_junit(recap)),
        RecapFormat::Markdown => printed(&recap_markdown(recap)),
        RecapFormat::Json => console.json(recap)?,
        RecapFormat::Text => {
            console.talk("");
            let all = recap.targets.len() <= LISTED;
            for line in recap_table(recap, all, console.out_width(), console.out_style()) {
                console.data(&line);
            }
        }
    }
    Ok(())
}

/// Nothing failed, and there is something left to go on with.
const LEFT: [RecapResult; 3] =
    [RecapResult::Parked, RecapResult::HeldBack, RecapResult::NotStarted];

/// The exit code of a batch: what a person must look at first comes first.
fn exit_code(recap: &Recap) -> ExitCode {
    let count = |result| recap.count(result);
    let failed = count(RecapResult::Failed);
    if count(RecapResult::InDoubt) > 0 {
        ExitCode::InDoubt
    } else if count(RecapResult::Interrupted) > 0 {
        ExitCode::Interrupted
    } else if failed > 0 {
        if failed == recap.targets.len() { ExitCode::Failed } else { ExitCode::Partly }
    } else if LEFT.into_iter().any(|result| count(result) > 0) {
        ExitCode::Parked
    } else if count(RecapResult::Locked) > 0 {
        // Nothing is wrong, and whoever works on them says what becomes of them.
        ExitCode::Locked
    } else {
        ExitCode::Success
    }
}

fn hints(recap: &Recap, asked: &BatchRequest, sandbox: bool) -> Vec<String> {
    let any = |results: &[RecapResult]| results.iter().any(|result| recap.count(*result) > 0);
    let mut hints = Vec::new();
    if any(&[RecapResult::Locked]) {
        hints.push(
            "another process sees to what is locked; the same command later looks what is left"
                .to_owned(),
        );
    }
    hints.extend(new_order(recap, asked, sandbox));
    let Some(batch) = &recap.batch else { return hints };
    if any(&[RecapResult::InDoubt]) {
        hints.push(
            "`certplan explain RUN` says what is in doubt, `certplan adopt` settles it".to_owned(),
        );
    }
    let may_succeed =
        |row: &RecapRow| row.result == RecapResult::Failed && row.order_anew.is_none();
    let does = match (
        recap.targets.iter().any(may_succeed),
        any(&LEFT) || any(&[RecapResult::Interrupted]),
    ) {
        (true, true) => "goes on with what is open, and tries again what failed",
        (true, false) => "tries again what failed",
        (false, true) => "goes on with what is open",
        (false, false) => return hints,
    };
    hints.push(format!("the same command, or `certplan resume --batch {batch}`, {does}"));
    hints
}

/// How to order for targets for which nothing else leads any further.
fn new_order(recap: &Recap, asked: &BatchRequest, sandbox: bool) -> Option<String> {
    let lost: Vec<&RecapRow> =
        recap.targets.iter().filter(|row| row.order_anew.is_some()).collect();
    let targets: Vec<&str> = lost.iter().map(|row| row.target.as_str()).collect();
    let (word, it) = match targets.as_slice() {
        [] => return None,
        [one] => (format!("{one} fails"), "that"),
        many => (format!("{} targets fail", many.len()), "each"),
    };
    let command = match targets.len() {
        1..=MOST_NAMED => in_the_inventory(asked, sandbox, &targets),
        _ => None,
    };
    let command = command.or_else(|| lost.first()?.order_anew.clone())?;
    let rest = if targets.len() > MOST_NAMED || (targets.len() > 1 && asked.inventory.is_empty()) {
        " for the first of them, and `--output json` has the command for each"
    } else {
        ""
    };
    let price = if sandbox { String::new() } else { format!(", and {it} costs money") };
    Some(format!(
        "{word} the same way each time; once a person has looked, a new order is the way \
         out{price}: `{command}`{rest}"
    ))
}

/// More targets do not fit into one command that somebody reads.
const MOST_NAMED: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::RunId;

    fn recap(results: &[RecapResult]) -> Recap {
        let row = |(number, result): (u64, &RecapResult)| RecapRow {
            target: format!("t{number}"),
            plan: "dv".to_owned(),
            run: Some(RunId::from_random(number)),
            result: *result,
            reason: String::new(),
            certificate_id: None,
            valid_until: None,
            parked_since: None,
            completion_url: None,
            order_anew: None,
            milliseconds: 0,
            milliseconds_since_start: 0,
        };
        Recap {
            batch: Some("b1".to_owned()),
            started_at: Timestamp::UNIX_EPOCH,
            ended_at: Timestamp::UNIX_EPOCH,
            targets: (1..).zip(results).map(row).collect(),
        }
    }

    #[test]
    fn what_a_person_must_look_at_first_decides_the_exit_code() {
        use RecapResult as R;
        for (results, code) in [
            (&[][..], ExitCode::Success),
            (&[R::Issued, R::Unchanged, R::Superseded], ExitCode::Success),
            (&[R::InDoubt, R::Interrupted, R::Failed], ExitCode::InDoubt),
            (&[R::Interrupted, R::Failed, R::Parked], ExitCode::Interrupted),
            (&[R::Failed, R::Failed], ExitCode::Failed),
            (&[R::Failed, R::Parked], ExitCode::Partly),
            (&[R::Failed, R::Locked], ExitCode::Partly),
            (&[R::Parked, R::Locked, R::Issued], ExitCode::Parked),
            (&[R::HeldBack, R::Issued], ExitCode::Parked),
            (&[R::NotStarted, R::Issued], ExitCode::Parked),
            (&[R::Locked, R::Issued], ExitCode::Locked),
        ] {
            assert_eq!(exit_code(&recap(results)), code, "{results:?}");
        }
    }

    #[test]
    fn what_fails_the_same_way_each_time_is_not_said_to_be_tried_again() {
        use RecapResult as R;
        let asked = BatchRequest { inventory: vec!["i.yaml".to_owned()], ..Default::default() };
        let mut recap = recap(&[R::Failed, R::Failed]);
        for row in &mut recap.targets {
            row.order_anew =
                Some(format!("certplan run --inventory i.yaml --again={}", row.target));
        }
        let command = "certplan run --inventory i.yaml --limit=t1,t2 --again=t1,t2";
        let expected = format!(
            "2 targets fail the same way each time; once a person has looked, a new order is the \
             way out, and each costs money: `{command}`"
        );
        assert_eq!(hints(&recap, &asked, false), [expected]);
        let [tried] = hints(&recap, &asked, true).try_into().unwrap();
        assert!(tried.contains("--sandbox") && !tried.contains("money"), "{tried}");
        recap.targets[1].order_anew = None;
        let [_, again] = hints(&recap, &asked, false).try_into().unwrap();
        assert!(
            again.ends_with("`certplan resume --batch b1`, tries again what failed"),
            "{again}"
        );
    }
}
