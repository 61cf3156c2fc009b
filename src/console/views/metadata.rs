//! What brokers say about classes and plans for people: `externalMetadata`, as the Open Service Broker profile and
//! OpenShift define it. Unknown and misshapen members are ignored.

use crate::console::excerpt::cut;
use crate::raw_json::RawJson;
use serde_json::Value;

/// The longest name, in characters.
const MAX_NAME: usize = 200;
/// The longest text of a line or two.
const MAX_LINE: usize = 1_000;
/// The longest description.
const MAX_TEXT: usize = 20_000;
/// The most entries of a list.
const MAX_ENTRIES: usize = 50;

/// The metadata of a class or plan.
pub struct Metadata(Value);

impl Metadata {
    /// Of an object that may have none.
    pub fn of(metadata: Option<&RawJson>) -> Self {
        Self(metadata.map(RawJson::value).unwrap_or_default())
    }

    /// `displayName`.
    pub fn display_name(&self) -> Option<String> {
        self.text("displayName", MAX_NAME)
    }

    /// `providerDisplayName`.
    pub fn provider(&self) -> Option<String> {
        self.text("providerDisplayName", MAX_NAME)
    }

    /// `longDescription`, in paragraphs.
    pub fn paragraphs(&self) -> Vec<String> {
        let text = self.text("longDescription", MAX_TEXT).unwrap_or_default();
        let paragraphs = text.split("\n\n").map(str::trim).filter(|paragraph| !paragraph.is_empty());
        paragraphs.take(MAX_ENTRIES).map(str::to_owned).collect()
    }

    /// `imageUrl`, whatever it is.
    pub fn image(&self) -> Option<&str> {
        self.0.get("imageUrl").and_then(Value::as_str)
    }

    /// OpenShift's `console.openshift.io/iconClass`.
    pub fn icon_class(&self) -> Option<&str> {
        self.0.get("console.openshift.io/iconClass").and_then(Value::as_str)
    }

    /// `documentationUrl`, whatever it is.
    pub fn documentation(&self) -> Option<&str> {
        self.0.get("documentationUrl").and_then(Value::as_str)
    }

    /// `supportUrl`, whatever it is.
    pub fn support(&self) -> Option<&str> {
        self.0.get("supportUrl").and_then(Value::as_str)
    }

    /// `bullets` of a plan.
    pub fn bullets(&self) -> Vec<String> {
        let bullets = self.0.get("bullets").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        bullets.iter().take(MAX_ENTRIES).filter_map(|bullet| line(bullet.as_str()?)).collect()
    }

    /// `costs` of a plan: each amount with its currency, and the unit.
    pub fn costs(&self) -> Vec<Cost> {
        let costs = self.0.get("costs").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let amounts = costs.iter().take(MAX_ENTRIES).flat_map(|cost| {
            let unit = cost.get("unit").and_then(Value::as_str).and_then(line).unwrap_or_default();
            let amounts = cost.get("amount").and_then(Value::as_object);
            amounts.into_iter().flatten().take(MAX_ENTRIES).filter_map(move |(currency, amount)| {
                // A number as the broker wrote it: its digits are money.
                let amount = amount.as_number().map(ToString::to_string)?;
                let currency = cut(currency, 16).to_uppercase();
                Some(Cost { amount: cut(&amount, 40), currency, unit: unit.clone() })
            })
        });
        amounts.take(MAX_ENTRIES).collect()
    }

    /// OpenShift's `openshift_form_definition` for a request, such as `service_instance` and `create`.
    pub fn form_definition(&self, object: &str, request: &str) -> Option<Value> {
        self.0.get("schemas")?.get(object)?.get(request)?.get("openshift_form_definition").cloned()
    }

    fn text(&self, member: &str, max: usize) -> Option<String> {
        let text = self.0.get(member)?.as_str()?.trim();
        (!text.is_empty()).then(|| cut(text, max))
    }
}

/// What a plan costs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cost {
    /// The number.
    pub amount: String,
    /// The currency, in capitals.
    pub currency: String,
    /// What is paid for, such as `MONTHLY`; may be empty.
    pub unit: String,
}

/// A text of a line or two, if there is any.
pub fn line(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty()).then(|| cut(text, MAX_LINE))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn misshapen_metadata_is_ignored() {
        for metadata in [
            json!(null),
            json!([]),
            json!("x"),
            json!({"displayName": 1, "bullets": "x", "costs": {}, "imageUrl": []}),
            json!({"bullets": [1, null, "", {}], "costs": [1, {}, {"amount": 3}, {"amount": {"usd": "x"}}]}),
        ] {
            let metadata = Metadata::of(Some(&RawJson::from(metadata)));
            assert_eq!(metadata.display_name(), None);
            assert!(
                metadata.bullets().is_empty() && metadata.costs().is_empty() && metadata.image().is_none()
            );
        }
    }

    #[test]
    fn an_amount_keeps_its_digits() {
        let raw: RawJson =
            serde_json::from_str(r#"{"costs": [{"amount": {"usd": 99.00}, "unit": "MONTHLY"}]}"#).unwrap();
        let cost = Metadata::of(Some(&raw)).costs().remove(0);
        assert_eq!(
            (cost.amount.as_str(), cost.currency.as_str(), cost.unit.as_str()),
            ("99.00", "USD", "MONTHLY")
        );
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        assert_eq!(cut("äöü", 2), "äö…");
        assert_eq!(cut("äöü", 3), "äöü");
    }
}
