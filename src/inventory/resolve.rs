//! `resolve`: several files become one [`Inventory`], every target checked against its plan.
//!
//! What counts for an input, from most to least: the target, its groups, `defaults` of its file, the
//! default of the plan. Groups of one target may not contradict each other; files share their
//! groups, and nothing else.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use serde_json::Value;

use super::folders;
use super::gaps::{self, Gaps};
use super::model::{Inventory, PlanPath, Target};
use super::orders::{self, Written};
use super::quick::{QuickMap, QuickSet};
use super::raw::{Format, InventoryFile, RawGroup, RawTarget};
use super::refusals;
use super::report;
use super::scope::{Contradiction, PreparedPlan, Said, Scope, given, names};
use super::table_file::{LIST_SEPARATOR, other_separator_in};
use super::validation;
use crate::document::Diagnostics;
use crate::document::decode::{Decoder, Located};
use crate::document::node::{Key, Kind, Node, mask, may_hold_secret};
use crate::document::source::SourceFile;
use crate::document::suggest::nearest;
use crate::plan::Plan;
use crate::types::DomainName;

/// A plan that targets name.
#[derive(Debug, Clone)]
pub enum KnownPlan {
    /// It can be run.
    Ready(Arc<Plan>),
    /// It cannot be read, or it has mistakes.
    Refused {
        /// Why, as a fragment.
        reason: String,
        /// The file that was probably meant, from the folder of the plan's path on.
        meant: Option<PathBuf>,
    },
}

/// The plans of an inventory.
#[derive(Debug, Clone, Default)]
pub struct Plans {
    /// Every plan that [`InventoryFile::plans`] names, and the one below.
    pub known: HashMap<PlanPath, KnownPlan>,
    /// The plan of targets for which the inventory names none.
    pub fallback: Option<PlanPath>,
    /// Whether a target without a plan is a mistake.
    pub required: bool,
}

/// What became of the files.
#[derive(Debug)]
pub struct Resolution {
    /// The inventory; of use only when nothing is an error.
    pub inventory: Inventory,
    /// What was found in each file, in the order of the files.
    pub found: Vec<Diagnostics>,
}

impl Resolution {
    /// Whether anything is an error.
    pub fn has_errors(&self) -> bool {
        self.found.iter().any(Diagnostics::has_errors)
    }
}

/// Puts the files together and checks every target.
pub fn resolve(mut files: Vec<InventoryFile>, plans: &Plans) -> Resolution {
    let found = files
        .iter_mut()
        .map(|file| std::mem::replace(&mut file.found, Diagnostics::new(&file.source)))
        .collect();
    let ready = plans.known.iter().filter_map(|(path, plan)| match plan {
        KnownPlan::Ready(plan) => Some((path.clone(), Rc::new(PreparedPlan::new(plan)))),
        KnownPlan::Refused { .. } => None,
    });
    let mut resolver = Resolver {
        files: &files,
        plans,
        ready: ready.collect(),
        groups: QuickMap::default(),
        scopes: QuickMap::default(),
        paths: QuickMap::default(),
        refused: QuickSet::default(),
        gaps: Gaps::default(),
        found,
    };
    let unread: Vec<bool> = resolver.found.iter().map(Diagnostics::has_errors).collect();
    resolver.hide_secrets();
    resolver.collect_groups();
    let targets = resolver.targets();
    resolver.tell_gaps(&unread);
    resolver.check_shared_inputs();
    let sources: Vec<SourceFile> = files.iter().map(|file| file.source.clone()).collect();
    let (ready, mut found) = (resolver.ready, resolver.found);
    report::same_names(&targets, &mut found);
    let mut written = Written::new(&files);
    orders::check(&targets, plans, &mut written, &mut found);
    refusals::check(&targets, &mut written, &ready, &mut found);
    if !found.iter().any(Diagnostics::has_errors) {
        folders::check(&targets, plans, &mut found);
    }
    if !found.iter().any(Diagnostics::has_errors) {
        validation::warn(&targets, plans, &mut found);
    }
    let groups = files.iter().flat_map(|file| &file.groups);
    let groups = groups.map(|group| group.name.value.clone()).collect();
    Resolution { inventory: Inventory { targets, groups, files: sources }, found }
}

/// The file, the plan and the groups of a target.
type ScopeKey<'f> = (usize, Option<PlanPath>, Vec<&'f str>);

/// A scope, and where the groups that make it disagree.
type SharedScope = (Arc<Scope>, Vec<Contradiction>);

struct Resolver<'f> {
    files: &'f [InventoryFile],
    plans: &'f Plans,
    ready: QuickMap<PlanPath, Rc<PreparedPlan<'f>>>,
    groups: QuickMap<&'f str, (usize, &'f RawGroup)>,
    scopes: QuickMap<ScopeKey<'f>, Rc<SharedScope>>,
    /// Paths of plans, by file and as written.
    paths: QuickMap<(usize, &'f str), PlanPath>,
    /// Plans that were reported as unknown, by file.
    refused: QuickSet<(usize, PlanPath)>,
    /// What targets leave out.
    gaps: Gaps<'f>,
    found: Vec<Diagnostics>,
}

impl<'f> Resolver<'f> {
    fn decoder(&mut self, file: usize) -> Decoder<'_> {
        Decoder { file: &self.files[file].source, diagnostics: &mut self.found[file] }
    }

    /// A value under a name like `api_key` that no plan knows may be a key that strayed here. It is
    /// hidden before anything shows the lines of this file.
    fn hide_secrets(&mut self) {
        let known: QuickSet<&str> =
            self.ready.values().flat_map(|plan| plan.places.keys().copied()).collect();
        let mut strange: QuickMap<&str, bool> = QuickMap::default();
        for (file, found) in self.files.iter().zip(&mut self.found) {
            let groups = file.groups.iter().flat_map(|group| &group.inputs);
            let targets = file.targets.iter().flat_map(|target| &target.inputs);
            for (key, node) in file.defaults.iter().chain(groups).chain(targets) {
                let name = key.name.as_str();
                let hide = strange
                    .entry(name)
                    .or_insert_with(|| !known.contains(name) && may_hold_secret(name));
                if *hide {
                    mask(node, found);
                }
            }
        }
    }

    fn collect_groups(&mut self) {
        for (index, file) in self.files.iter().enumerate() {
            for group in &file.groups {
                let name = group.name.value.as_str();
                match self.groups.get(name) {
                    Some((first, other)) => {
                        let first = report::Place::new(*first, other.name.span);
                        report::duplicate_group(&group.name, index, first, &mut self.found);
                    }
                    None => drop(self.groups.insert(name, (index, group))),
                }
            }
        }
    }

    fn targets(&mut self) -> Vec<Target> {
        let count = self.files.iter().map(|file| file.targets.len()).sum();
        let mut targets = Vec::with_capacity(count);
        let mut seen: QuickMap<&str, (usize, &RawTarget)> =
            QuickMap::with_capacity_and_hasher(count, Default::default());
        for (index, file) in self.files.iter().enumerate() {
            for raw in &file.targets {
                let name = raw.name.value.as_str();
                if let Some((first, other)) = seen.get(name) {
                    let first = report::Place::new(*first, other.name.span);
                    report::duplicate_target(&raw.name, index, first, &mut self.found);
                    // Whatever else is wrong with it is said now, too.
                    self.target(index, raw);
                    continue;
                }
                seen.insert(name, (index, raw));
                if let Some((first, group)) = self.groups.get(name) {
                    let first = report::Place::new(*first, group.name.span);
                    report::name_taken(&raw.name, index, first, &mut self.found);
                }
                targets.push(self.target(index, raw));
            }
        }
        targets
    }

    fn target(&mut self, index: usize, raw: &'f RawTarget) -> Target {
        self.check_groups(index, raw);
        let plan = self.plan_of(index, raw);
        let prepared = plan.as_ref().and_then(|plan| self.ready.get(plan)).cloned();
        let shared = self.scope(index, plan.as_ref(), prepared.as_deref(), raw);
        let (scope, contradictions) = &*shared;
        let mut target = Target {
            name: raw.name.value.clone(),
            plan,
            groups: names(&raw.groups),
            names: Vec::new(),
            own: Vec::new(),
            scope: Arc::clone(scope),
            place: (index, raw.name.span),
        };
        let domain = DomainName::parse(raw.name.value.as_str()).ok();
        let Some(prepared) = prepared else {
            // Without a plan there is only the name to go by.
            target.names.extend(domain);
            return target;
        };
        target.own = self.own(index, raw, domain.is_some(), &prepared);
        self.check_complete(index, raw, &target, contradictions, &prepared);
        target.names = certificate_names(&target, &prepared);
        target
    }

    fn check_groups(&mut self, index: usize, raw: &RawTarget) {
        for group in &raw.groups {
            if !self.groups.contains_key(group.value.as_str()) {
                let several = self.files.len() > 1;
                let known: Vec<&str> = self.groups.keys().copied().collect();
                report::unknown_group(group, known, several, &mut self.decoder(index));
            }
        }
    }

    fn path(&mut self, index: usize, written: &'f str) -> PlanPath {
        let file = &self.files[index];
        self.paths.entry((index, written)).or_insert_with(|| file.plan_path(written)).clone()
    }

    /// The plan of a target: its own, that of its groups, that of its file, that of the command.
    fn plan_of(&mut self, index: usize, raw: &'f RawTarget) -> Option<PlanPath> {
        let files = self.files;
        let in_groups: Vec<(usize, &'f RawGroup, &'f Located<String>)> = match &raw.plan {
            Some(_) => Vec::new(),
            None => raw
                .groups
                .iter()
                .filter_map(|group| self.groups.get(group.value.as_str()))
                .filter_map(|(file, group)| Some((*file, *group, group.plan.as_ref()?)))
                .collect(),
        };
        if let [(file, group, written), rest @ ..] = in_groups.as_slice() {
            let path = self.path(*file, &written.value);
            for (other_file, other, other_written) in rest {
                if self.path(*other_file, &other_written.value) != path {
                    let said = |file, group: &RawGroup, written: &Located<String>| Said {
                        group: group.name.value.clone(),
                        file,
                        span: written.span,
                    };
                    let first = said(*file, group, written);
                    let second = said(*other_file, other, other_written);
                    report::contradiction(
                        "plan",
                        &raw.name,
                        index,
                        &first,
                        &second,
                        &mut self.found,
                    );
                }
            }
            return Some(self.known(*file, written, path));
        }
        match raw.plan.as_ref().or(files[index].plan.as_ref()) {
            Some(written) => {
                let path = self.path(index, &written.value);
                Some(self.known(index, written, path))
            }
            None => {
                if self.plans.fallback.is_none() && self.plans.required {
                    self.gaps.plan(index, &raw.name);
                }
                self.plans.fallback.clone()
            }
        }
    }

    /// Reports a plan that cannot be used, once for each file that names it.
    fn known(&mut self, index: usize, written: &Located<String>, path: PlanPath) -> PlanPath {
        let refused = match self.plans.known.get(&path) {
            Some(KnownPlan::Ready(_)) => None,
            Some(KnownPlan::Refused { reason, meant }) => Some((reason.as_str(), meant.as_deref())),
            None => Some(("it was not read", None)),
        };
        if let Some((reason, meant)) = refused
            && self.refused.insert((index, path.clone()))
        {
            let others: Vec<String> = self.ready.keys().map(ToString::to_string).collect();
            let meant = meant.map(|meant| Path::new(&written.value).with_file_name(meant));
            let decoder = &mut self.decoder(index);
            report::unknown_plan(written, &path, reason, meant.as_deref(), &others, decoder);
        }
        path
    }

    fn scope(
        &mut self,
        index: usize,
        path: Option<&PlanPath>,
        prepared: Option<&PreparedPlan<'f>>,
        raw: &'f RawTarget,
    ) -> Rc<SharedScope> {
        let groups: Vec<&str> = raw.groups.iter().map(|group| group.value.as_str()).collect();
        let key = (index, path.cloned(), groups);
        if let Some(scope) = self.scopes.get(&key) {
            return Rc::clone(scope);
        }
        let scope = Rc::new(match prepared {
            Some(prepared) => self.make_scope(index, prepared, &key.2),
            None => SharedScope::default(),
        });
        self.scopes.insert(key, Rc::clone(&scope));
        scope
    }

    fn make_scope(
        &mut self,
        index: usize,
        prepared: &PreparedPlan<'f>,
        groups: &[&str],
    ) -> SharedScope {
        let mut scope = Scope::default();
        let mut contradictions = Vec::new();
        for (place, (name, input)) in prepared.plan.inputs.iter().enumerate() {
            let mut chosen: Option<(Option<Value>, Said)> = None;
            for group in groups {
                let Some((file, group)) = self.groups.get(group).copied() else { continue };
                let Some((key, node)) = given(&group.inputs, name) else { continue };
                let what = || format!("`{name}` of group `{}`", group.name.value);
                let checker = &prepared.checkers[place];
                let value = checker.check(node, what, &mut self.decoder(file));
                let said = Said { group: group.name.value.clone(), file, span: key.span };
                match &chosen {
                    Some((first, by)) if *first != value => contradictions.push(Contradiction {
                        input: place,
                        first: by.clone(),
                        second: said,
                    }),
                    Some(_) => {}
                    None => chosen = Some((value, said)),
                }
            }
            let default = given(&self.files[index].defaults, name);
            let value = match (chosen, default) {
                (Some((value, _)), _) => value.or(Some(Value::Null)),
                (None, Some((_, node))) => {
                    let what = || format!("`{name}` of `defaults`");
                    let checker = &prepared.checkers[place];
                    // A value that is wrong was reported; it is not missing as well.
                    let value = checker.check(node, what, &mut self.decoder(index));
                    value.or(Some(Value::Null))
                }
                // Whose name is to be ordered is never left to the plan.
                (None, None) if prepared.common_names.contains(&place) => None,
                (None, None) => input.default.clone(),
            };
            scope.values.push((name.clone(), value));
        }
        (Arc::new(scope), contradictions)
    }

    /// What a target itself says about its inputs; its name is its common name.
    fn own(
        &mut self,
        index: usize,
        raw: &RawTarget,
        is_domain: bool,
        prepared: &PreparedPlan<'f>,
    ) -> Vec<(usize, Value)> {
        let is_table = self.files[index].format == Format::Table;
        let target = &raw.name;
        let mut own = Vec::with_capacity(raw.inputs.len() + 1);
        let mut decoder =
            Decoder { file: &self.files[index].source, diagnostics: &mut self.found[index] };
        for (key, node) in &raw.inputs {
            let Some(place) = prepared.places.get(key.name.as_str()).copied() else {
                report::unknown_input(key, &[prepared.plan], is_table, &mut decoder);
                continue;
            };
            let checker = &prepared.checkers[place];
            let what = || format!("`{}` of target `{}`", key.name, target.value);
            let cell = if is_table { checker.read_cell(node, LIST_SEPARATOR) } else { None };
            let node = cell.as_ref().unwrap_or(node);
            let divided = is_table && checker.lists_words();
            let other = divided.then(|| other_separator_in(node, &key.name)).flatten();
            let value = match other {
                Some(diagnostic) => {
                    decoder.push(diagnostic);
                    None
                }
                None => checker.check(node, what, &mut decoder),
            };
            // A value that is wrong was reported; it is not missing as well.
            own.push((place, value.unwrap_or(Value::Null)));
        }
        for place in &prepared.common_names {
            if is_domain && !own.iter().any(|(other, _)| other == place) {
                let kind = Kind::String(target.value.as_str().to_owned());
                let node = Node { kind, span: target.span };
                let what = || {
                    let input = prepared.input_name(*place);
                    format!("`{input}` of target `{}`", target.value)
                };
                let value = prepared.checkers[*place].check(&node, what, &mut decoder);
                own.push((*place, value.unwrap_or(Value::Null)));
            }
        }
        own
    }

    /// Every input has a value, and no two groups disagree about one.
    fn check_complete(
        &mut self,
        index: usize,
        raw: &'f RawTarget,
        target: &Target,
        contradictions: &[Contradiction],
        prepared: &PreparedPlan<'f>,
    ) {
        let says = |place: usize| target.own.iter().any(|(own, _)| *own == place);
        for contradiction in contradictions.iter().filter(|found| !says(found.input)) {
            let input = prepared.input_name(contradiction.input);
            let (first, second) = (&contradiction.first, &contradiction.second);
            report::contradiction(input, &raw.name, index, first, second, &mut self.found);
        }
        let Some(plan) = &target.plan else { return };
        for (place, (_, value)) in target.scope.values.iter().enumerate() {
            if value.is_none() && !says(place) {
                self.gaps.input(index, plan, place, &raw.name);
            }
        }
    }

    /// Says what targets leave out; that a plan is missing could be a consequence of what could not
    /// be read.
    fn tell_gaps(&mut self, unread: &[bool]) {
        let gaps = std::mem::take(&mut self.gaps);
        for (index, targets) in gaps.without_plan().filter(|(index, _)| !unread[*index]) {
            gaps::no_plan(targets, &self.files[index], &mut self.decoder(index));
        }
        for (index, plan, input, targets) in gaps.without_input() {
            let Some(prepared) = self.ready.get(plan).cloned() else { continue };
            let file = &self.files[index];
            gaps::no_input(input, targets, &prepared, file, &mut self.decoder(index));
        }
    }

    /// What groups and `defaults` say must mean something to at least one plan of their targets.
    fn check_shared_inputs(&mut self) {
        let mut of_groups: QuickMap<&str, BTreeSet<&PlanPath>> = QuickMap::default();
        let mut of_files: QuickMap<usize, BTreeSet<&PlanPath>> = QuickMap::default();
        let mut used: QuickSet<&str> = QuickSet::default();
        for (file, plan, groups) in self.scopes.keys() {
            used.extend(groups);
            let Some(plan) = plan else { continue };
            of_files.entry(*file).or_default().insert(plan);
            for group in groups {
                of_groups.entry(group).or_default().insert(plan);
            }
        }
        let mut has_errors = self.found.iter().any(Diagnostics::has_errors);
        for (index, file) in self.files.iter().enumerate() {
            let mut decoder = Decoder { file: &file.source, diagnostics: &mut self.found[index] };
            let plans = of_files.get(&index);
            unknown_inputs(&file.defaults, plans, &self.ready, &mut decoder);
            for group in &file.groups {
                let plan = group.plan.as_ref().map(|written| file.plan_path(&written.value));
                let plans = of_groups.entry(group.name.value.as_str()).or_default();
                plans.extend(
                    plan.as_ref()
                        .and_then(|plan| self.ready.get_key_value(plan))
                        .map(|(path, _)| path),
                );
                unknown_inputs(&group.inputs, Some(plans), &self.ready, &mut decoder);
            }
            has_errors |= decoder.diagnostics.has_errors();
        }
        // Beside mistakes a doubt would distract, and could be their consequence.
        for (index, file) in self.files.iter().enumerate().filter(|_| !has_errors) {
            let unused =
                file.groups.iter().filter(|group| !used.contains(group.name.value.as_str()));
            for group in unused {
                let mut decoder =
                    Decoder { file: &file.source, diagnostics: &mut self.found[index] };
                report::unused_group(&group.name, &mut decoder);
            }
        }
    }
}

fn unknown_inputs(
    inputs: &[(Key, Node)],
    paths: Option<&BTreeSet<&PlanPath>>,
    ready: &QuickMap<PlanPath, Rc<PreparedPlan<'_>>>,
    decoder: &mut Decoder<'_>,
) {
    let wanted = paths.map_or(0, BTreeSet::len);
    let plans: Vec<&PreparedPlan<'_>> =
        paths.into_iter().flatten().filter_map(|path| ready.get(*path).map(Rc::as_ref)).collect();
    if plans.is_empty() {
        return;
    }
    let known = || plans.iter().flat_map(|plan| plan.places.keys().copied());
    // With a plan that is not known, nobody can say what it has; a slip is one all the same.
    let is_wrong = |name: &str| plans.len() == wanted || nearest(name, known()).is_some();
    for (key, _) in inputs {
        if known().all(|name| name != key.name) && is_wrong(&key.name) {
            let plans: Vec<&Plan> = plans.iter().map(|prepared| prepared.plan).collect();
            report::unknown_input(key, &plans, false, decoder);
        }
    }
}

/// The names of the certificate, sorted and each once.
fn certificate_names(target: &Target, prepared: &PreparedPlan<'_>) -> Vec<DomainName> {
    let mut names = Vec::new();
    for place in &prepared.names {
        let own = target.own.iter().find(|(own, _)| own == place).map(|(_, value)| value);
        let shared = target.scope.values.get(*place).and_then(|(_, value)| value.as_ref());
        let texts = match own.or(shared) {
            Some(Value::Array(items)) => items.as_slice(),
            Some(value) => std::slice::from_ref(value),
            None => &[],
        };
        let texts = texts.iter().filter_map(Value::as_str);
        names.extend(texts.filter_map(|text| DomainName::parse(text).ok()));
    }
    names.sort_unstable();
    names.dedup();
    names
}
