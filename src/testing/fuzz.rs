//! Fuzzing: whatever arrives from users, brokers and the API server, nothing panics, no limit is exceeded, and no
//! secret is shown.
//!
//! An input is a real document with random edits, or a text made of what the program looks for. A seed determines it:
//! the same seed gives the same input, and an input that breaks a property is simplified until only the relevant edits
//! are left. `make test` tries a fixed number of inputs, `make fuzz` new ones for hours; both print how many they tried.
//!
//! | file | what it answers |
//! |---|---|
//! | `target`, `campaign` | what is tried, how often, and what came of it? |
//! | `corpus`, `mutation`, `words` | which inputs are there? |
//! | `properties` | what holds for every input? |
//! | `broker`, `catalogs` | what does the client make of any answer, and what is published of any catalog? |
//! | `objects` | can every object be read that the API server stores? |
//! | `instances`, `bindings`, `lives`, `outcomes` | what does the core decide about any object, and make of any outcome? |
//! | `credentials`, `parameters`, `texts` | what does the core make of anything that users and brokers write? |

mod bindings;
mod broker;
mod campaign;
mod catalogs;
mod corpus;
mod credentials;
mod instances;
mod lives;
mod mutation;
mod objects;
mod outcomes;
mod parameters;
mod properties;
mod target;
mod texts;
mod words;

use campaign::Campaign;
use target::Target;

/// Everything that reads untrusted input. The number of cases is what `make test` tries: a few seconds of each target.
const TARGETS: &[Target] = &[
    Target { name: "answers", cases: 3000, case: broker::answers },
    Target { name: "catalogs", cases: 3000, case: catalogs::catalogs },
    Target { name: "objects", cases: 3000, case: objects::objects },
    Target { name: "instances", cases: 3000, case: instances::instances },
    Target { name: "bindings", cases: 3000, case: bindings::bindings },
    Target { name: "brokers", cases: 3000, case: lives::brokers },
    Target { name: "alpha", cases: 3000, case: lives::alphas },
    Target { name: "credentials", cases: 3000, case: credentials::credentials },
    Target { name: "parameters", cases: 3000, case: parameters::parameters },
    Target { name: "schemas", cases: 3000, case: parameters::schemas },
    Target { name: "json", cases: 3000, case: parameters::json },
    Target { name: "redaction", cases: 3000, case: texts::redaction },
    Target { name: "addresses", cases: 3000, case: texts::addresses },
    Target { name: "identities", cases: 3000, case: texts::identities },
    Target { name: "words", cases: 3000, case: texts::words },
];

#[test]
fn no_input_breaks_a_property() {
    let campaign = Campaign::of_environment();
    let (report, failures) = campaign.run(TARGETS);
    eprintln!("{report}");
    assert!(failures.is_empty(), "{} targets failed:\n\n{}", failures.len(), failures.join("\n\n"));
}
