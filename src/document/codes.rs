//! The codes of diagnostics: stable names that tools can filter by, and what each stands for.

/// A kind of mistake or doubt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Code {
    /// Its stable name, as in `error[unknown-key]`.
    pub name: &'static str,
    /// What it stands for: a lowercase fragment without a full stop.
    pub summary: &'static str,
}

/// All codes, in the order of their names.
pub const CODES: &[Code] = &[
    code("bad-address", "a resolver is not written as an IP address"),
    code("bad-call", "a call is not written as a method and a path"),
    code("bad-duration", "a duration is not written as `15s`, `30m`, `1h30m` or `7d`"),
    code("bad-name", "a name has characters that names of its kind cannot have"),
    code("bad-pattern", "the pattern of an input is no regular expression"),
    code("bad-time", "a time is not written as `2026-03-01T09:00:00Z`"),
    code("bad-url", "an address is none, or holds a template"),
    code("body-without-method", "a request has a body, and a method that has none"),
    code("braces-in-when", "a condition is written in braces, though it is an expression already"),
    code("checks-nothing", "an assert has no checks"),
    code("command-in-one-word", "the only word of a command has blanks in it"),
    code("constant-when", "a condition is true or false whatever happens"),
    code("contradiction", "two groups of a target say different things"),
    code("cycle", "steps need one another in a circle"),
    code("duplicate-case", "two cases have the same name"),
    code("duplicate-file", "two files of one folder have the same name"),
    code("duplicate-group", "a group is defined twice, or a target names it twice"),
    code("duplicate-key", "a key of a map is given twice"),
    code("duplicate-step", "two steps have the same id"),
    code("duplicate-target", "a target is given twice"),
    code("dynamic-lookup", "a template computes the name of an input, a step or a field"),
    code("empty-command", "a command has no words"),
    code("empty-file", "the file is empty"),
    code("empty-range", "a constraint leaves no value"),
    code("excluding-keys", "two keys exclude each other"),
    code("file-too-large", "the file is larger than any of its kind"),
    code("filter-argument", "a filter has an argument that it does not take, or lacks one"),
    code("filter-input", "a filter is given something that it cannot take"),
    code("finally-needs", "a step waits for one that runs at the end, or the other way round"),
    code(
        "finally-orders",
        "a step that runs whatever happened would buy or make something that stays",
    ),
    code("folder-twice", "two steps of a plan put their files into one folder"),
    code("folder-unfilled", "a step reads a folder that no step fills, and that is nearly another"),
    code("foreign-template", "a template is written as another tool has it"),
    code("impossible-start", "the world of a scenario cannot begin with something"),
    code("key-not-text", "a key of a map is no text"),
    code("keys-differ", "a certificate is proved against the key of another request"),
    code("limit-beyond-attempt", "a program may take longer than an attempt of its step"),
    code("literal-secret", "a secret is written into the plan"),
    code("may-be-null", "a value that can be null stands where null is none"),
    code("missing-input", "a target or a case does not give an input that its plan needs"),
    code("missing-key", "a key that is needed is not there"),
    code("missing-parameter", "a parameter that the action needs is not there"),
    code("missing-version", "the file does not say its format version"),
    code("name-taken", "a target and a group have the same name"),
    code("names-differ", "an order and its certificate request are for different names"),
    code("never-comes", "a step waits for what only comes after it"),
    code("never-equal", "a value is compared with something that it can never be"),
    code("newer-version", "the file is written in a later version of its format"),
    code("no-cases", "a test file has no cases"),
    code("no-expectation", "a case expects nothing"),
    code("no-field", "a step is read as a whole, without a field"),
    code("no-plan", "a target or a test file has no plan that can be run"),
    code("no-public-name", "public CAs do not issue for a name, or nobody can prove it"),
    code("no-scenario", "a case names no scenario that can be used"),
    code("no-steps", "the plan has no steps"),
    code("no-targets", "the inventory has no targets"),
    code("not-a-plan", "the file is YAML, but no plan"),
    code("not-a-scenario", "the file is a plan, an inventory or a test, and no scenario"),
    code("not-an-inventory", "the file is no inventory"),
    code("not-imitated", "a case imitates a step that needs no imitation"),
    code("not-shareable", "an action cannot be shared by a batch"),
    code("not-utf8", "the file is not UTF-8 text"),
    code("not-waited-for", "a step does not wait for another that has to come first"),
    code("odd-quotes", "a text stands in quotes that are none in YAML"),
    code("one-deed", "an entry does not say exactly one thing to do"),
    code("operand-type", "an operator has an operand that it cannot take"),
    code("out-of-range", "a number or a duration is too small or too large"),
    code("parameters-exclude", "two parameters are given of which only one has a meaning"),
    code("pattern-mismatch", "the default of an input does not match its pattern"),
    code("poll-looks-twice", "a poll looks at its begin and at its end only"),
    code("poll-shorter-than-attempt", "one look may take as long as the whole poll"),
    code("poll-without-until", "a request is polled, and nothing says what it waits for"),
    code("same-folder", "a certificate is exported into the folder that it is read from"),
    code("same-names", "two targets order the same names"),
    code("secret-source", "a secret has no source, or several"),
    code("self-reference", "a step reads or needs itself"),
    code("several-documents", "the file holds several YAML documents"),
    code("several-names", "a line of a list holds more than one domain"),
    code("shared-folder", "two targets put their files into one folder"),
    code(
        "shared-validation-name",
        "targets prove their names at one place and wait for one another",
    ),
    code("stray-key", "a key has no meaning where it stands"),
    code("table-syntax", "a table is not complete or not right"),
    code("template-call", "a template calls a value as a function"),
    code("template-fails", "a template that reads nothing cannot be rendered"),
    code("template-in-default", "the default of an input holds a template"),
    code("template-in-inventory", "a value of an inventory holds a template"),
    code("template-product", "a template multiplies"),
    code("template-syntax", "a template is not complete or not right"),
    code("too-many-names", "an order is for more names than a certificate holds"),
    code("too-many-steps", "the plan has more steps than any plan"),
    code("two-orders", "a plan orders two certificates"),
    code("unguarded", "a field is read that may not exist when the plan runs"),
    code("unknown-action", "there is no such action"),
    code("unknown-connection", "there is no such connection"),
    code("unknown-field", "there is no such field"),
    code("unknown-group", "there is no such group"),
    code("unknown-input", "the plan has no such input"),
    code("unknown-key", "there is no such key"),
    code("unknown-name", "templates cannot see this name"),
    code("unknown-parameter", "the action has no such parameter"),
    code("unknown-plan", "the plan of a target cannot be used"),
    code("unknown-product", "no documentation of the vendor has the product"),
    code("unknown-step", "the plan has no such step"),
    code("unknown-template-word", "templates have no such filter, test or statement"),
    code("unknown-type", "there is no such type"),
    code("unquoted-digits", "a text of digits does not stand in quotes"),
    code("unquoted-template", "a template does not stand in quotes"),
    code("unreadable-file", "the file cannot be read"),
    code("unserved-call", "the sandbox serves no such call, so nothing will ever match it"),
    code("unusable-value", "a value has its type, and the action can do nothing with it"),
    code("unused-anchor", "no YAML alias uses an anchor"),
    code("unused-group", "no target is in the group"),
    code("unused-input", "no step reads the input"),
    code("validity-too-long", "the certificate shall be valid for longer than the CA allows"),
    code("wildcard-product", "a wildcard name is ordered with a product for single names"),
    code("wrong-field", "another field of the same step is wanted"),
    code("wrong-type", "a value does not have the type that is needed"),
    code("wrong-version", "the format version is no number of a version"),
    code("wrong-word", "a value is none of the words that are allowed"),
    code("yaml-alias", "a YAML alias leads nowhere, or into itself"),
    code("yaml-merge", "a YAML merge key merges something else than maps"),
    code("yaml-number", "a number is infinite or undefined"),
    code("yaml-syntax", "the file is not YAML"),
    code("yaml-tag", "a YAML tag has no meaning in a plan"),
    code("yaml-too-large", "the file holds too much, or is nested too deeply"),
];

const fn code(name: &'static str, summary: &'static str) -> Code {
    Code { name, summary }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn collect(folder: &Path, text: &mut String) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                collect(&path, text);
            } else if !path.ends_with("codes.rs") {
                let source = std::fs::read_to_string(&path).unwrap();
                text.push_str(source.split("#[cfg(test)]\nmod tests {").next().unwrap());
            }
        }
    }

    #[test]
    fn the_table_has_every_code_that_is_used_and_no_other() {
        let mut source = String::new();
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        for module in ["document", "plan", "inventory", "sandbox", "trial", "cli"] {
            collect(&root.join(module), &mut source);
        }
        for code in CODES {
            assert!(source.contains(&format!("\"{}\"", code.name)), "{} is not used", code.name);
        }
        for constructor in ["Diagnostic::error(", "Diagnostic::warning("] {
            for rest in source.split(constructor).skip(1) {
                let Some(name) = rest.trim_start().strip_prefix('"') else { continue };
                let name = name.split('"').next().unwrap();
                assert!(CODES.iter().any(|code| code.name == name), "{name} is not in the table");
            }
        }
        assert!(CODES.is_sorted_by(|one, other| one.name < other.name));
    }
}
