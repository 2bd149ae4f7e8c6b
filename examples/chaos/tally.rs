//! What was done, for the line of JSON.

/// What was done, for the line of JSON.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) children: u64,
    pub(crate) messages: u64,
    pub(crate) kills: u64,
    pub(crate) stops: u64,
    pub(crate) garbage: u64,
    pub(crate) cancelled: u64,
    pub(crate) too_large: u64,
    pub(crate) truncated: u64,
}

impl Tally {
    fn fields(&mut self) -> [(&'static str, &mut u64); 8] {
        [
            ("children", &mut self.children),
            ("messages", &mut self.messages),
            ("kills", &mut self.kills),
            ("stops", &mut self.stops),
            ("garbage", &mut self.garbage),
            ("cancelled", &mut self.cancelled),
            ("too_large", &mut self.too_large),
            ("truncated", &mut self.truncated),
        ]
    }

    pub(crate) fn add(&mut self, mut other: Self) {
        for ((_, sum), (_, part)) in self.fields().into_iter().zip(other.fields()) {
            *sum += *part;
        }
    }

    pub(crate) fn json(mut self) -> String {
        let fields = self
            .fields()
            .map(|(name, count)| format!("\"{name}\":{count}"));
        fields.join(",")
    }
}
