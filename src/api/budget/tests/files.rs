//! The shared file: what programs tell each other, and what rubbish does to it.

use std::fs::File;
use std::time::Duration;

use super::super::condition::Condition;
use super::super::file::{FileTrouble, SharedFile, budget_file, budget_files};
use super::super::ledger::{Decision, Ledger, Report, Rules};
use super::super::{Micros, Windows};
use crate::api::http::{BaseUrl, Urgency, Verdict};
use crate::types::Secret;

const NOW: Micros = 1_800_000_000_000_000;
const PATIENCE: Duration = Duration::from_secs(5);

fn rules() -> Rules {
    Rules { windows: Windows::parse("3/10s").unwrap(), horizon: 41_000_000 }
}

fn ask(shared: &mut SharedFile) -> Decision {
    let mut ledger = Ledger::default();
    shared.with(&mut ledger, PATIENCE, |ledger| ledger.ask(&rules(), Urgency::Order, NOW)).unwrap()
}

#[test]
fn two_programs_share_one_budget_and_a_third_that_starts_later_knows_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("budget").join("x");
    let mut programs = [SharedFile::open(&path).unwrap(), SharedFile::open(&path).unwrap()];
    for turn in 0..3 {
        assert!(matches!(ask(&mut programs[turn % 2]), Decision::Go(_)), "{turn}");
    }
    for program in &mut programs {
        assert!(matches!(ask(program), Decision::Wait(..)));
    }
    drop(programs);
    assert!(matches!(ask(&mut SharedFile::open(&path).unwrap()), Decision::Wait(..)));
}

#[test]
fn a_pause_that_one_program_was_asked_for_holds_the_other() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x");
    let (mut one, mut other) = (SharedFile::open(&path).unwrap(), SharedFile::open(&path).unwrap());
    let Decision::Go(ticket) = ask(&mut one) else { panic!() };
    let verdict = Some(Verdict::RateLimited { retry_after: Some(Duration::from_secs(77)) });
    let report = Report { ticket, verdict, at: NOW, jitter: 0.0 };
    one.with(&mut Ledger::default(), PATIENCE, |ledger| ledger.report(report)).unwrap();
    let Decision::Wait(until, _) = ask(&mut other) else { panic!() };
    assert_eq!(until, NOW + 77_000_000);
}

#[test]
fn rubbish_in_the_file_is_forgotten_and_the_file_is_good_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x");
    let whole = {
        let mut shared = SharedFile::open(&path).unwrap();
        (0..3).for_each(|_| _ = ask(&mut shared));
        std::fs::read(&path).unwrap()
    };
    let flipped: Vec<u8> = whole.iter().map(|byte| !byte).collect();
    for rubbish in [
        &b""[..],
        b"x",
        &b"certplan: 1\n".repeat(1000),
        &[0xff; 5000],
        &[0; 5000],
        &whole[..20],
        &flipped,
    ] {
        std::fs::write(&path, rubbish).unwrap();
        let mut shared = SharedFile::open(&path).unwrap();
        for turn in 0..3 {
            assert!(matches!(ask(&mut shared), Decision::Go(_)), "{turn} after {rubbish:?}");
        }
        assert!(matches!(ask(&mut shared), Decision::Wait(..)), "{rubbish:?}");
        assert_eq!(std::fs::read(&path).unwrap().len(), whole.len());
    }
}

#[test]
fn a_damaged_head_does_not_forget_what_was_sent_nor_half_a_number_at_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x");
    let mut shared = SharedFile::open(&path).unwrap();
    (0..3).for_each(|_| _ = ask(&mut shared));
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[30] ^= 1;
    bytes.extend_from_slice(b"half");
    std::fs::write(&path, &bytes).unwrap();
    assert!(matches!(ask(&mut shared), Decision::Wait(..)));
}

#[test]
fn a_program_that_was_killed_with_requests_under_way_is_counted_until_they_are_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x");
    let mut shared = SharedFile::open(&path).unwrap();
    (0..3).for_each(|_| _ = ask(&mut shared));
    drop(shared);
    let mut next = SharedFile::open(&path).unwrap();
    let mut at = |later: Micros| {
        next.with(&mut Ledger::default(), PATIENCE, |ledger| {
            ledger.ask(&rules(), Urgency::Order, NOW + later)
        })
        .unwrap()
    };
    assert!(matches!(at(50_000_000), Decision::Wait(..)));
    assert!(matches!(at(52_000_000), Decision::Go(_)));
}

#[test]
fn a_lock_that_another_program_holds_is_waited_for_only_so_long() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x");
    let mut shared = SharedFile::open(&path).unwrap();
    let _ = ask(&mut shared);
    let holder = File::open(&path).unwrap();
    holder.lock().unwrap();
    let tried = shared.with(&mut Ledger::default(), Duration::from_millis(1), |_| ());
    assert!(matches!(tried, Err(FileTrouble::Locked)));
    // The lock ends with its holder, however that ends.
    drop(holder);
    assert!(matches!(ask(&mut shared), Decision::Go(_)));
}

#[test]
fn every_part_of_the_condition_survives_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x");
    let condition = Condition {
        hold_until: 1,
        refused_at: 2,
        refusals: 3,
        trial_until: 4,
        failures: 5,
        down_since: 6,
        next_probe: 7,
        probes: 8,
        answered_at: 9,
    };
    let mut shared = SharedFile::open(&path).unwrap();
    shared.with(&mut Ledger::default(), PATIENCE, |ledger| ledger.condition = condition).unwrap();
    assert_eq!(SharedFile::look(&path).unwrap().condition, condition);
}

#[test]
fn the_name_of_the_file_shows_the_place_and_not_the_key() {
    let folder = tempfile::tempdir().unwrap();
    let file = |url: &str, key: &str| {
        let url = BaseUrl::parse(url).unwrap();
        budget_file(folder.path(), &url, &Secret::new(key.to_owned()))
    };
    let path = file("https://api.regfish.com", "rf-secret");
    assert!(!path.display().to_string().contains("rf-secret"));
    assert_ne!(path, file("https://api.regfish.com", "rf-other"));
    assert_ne!(path, file("https://api.example.com", "rf-secret"));
    SharedFile::open(&path).unwrap();
    std::fs::write(folder.path().join("notes.txt"), "").unwrap();
    assert_eq!(budget_files(folder.path()), [("api.regfish.com".to_owned(), path)]);
}
