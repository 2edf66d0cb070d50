//! The figures of one program, and the table that shows them.

use serde_json::{Value, json};

/// The figures of one program in one configuration.
pub struct Column {
    name: String,
    /// The compute units of each append, by the count of leaves before it.
    pub appends: Vec<u64>,
    rows: Vec<(String, u64)>,
    account_bytes: usize,
    rent_lamports: u64,
    capacity: u128,
}

impl Column {
    pub const fn new(name: String) -> Self {
        Self { name, appends: Vec::new(), rows: Vec::new(), account_bytes: 0, rent_lamports: 0, capacity: 0 }
    }

    /// Adds the figure of an instruction that only some columns may have. One row of the table for each name.
    pub fn row(&mut self, name: &str, compute_units: u64) {
        self.rows.push((name.to_owned(), compute_units));
    }

    pub const fn account(&mut self, bytes: usize, rent_lamports: u64, capacity: u128) {
        (self.account_bytes, self.rent_lamports, self.capacity) = (bytes, rent_lamports, capacity);
    }

    fn find(&self, name: &str) -> Option<u64> {
        self.rows.iter().find(|(row, _)| row == name).map(|(_, units)| *units)
    }

    fn sorted(&self) -> Vec<u64> {
        let mut sorted = self.appends.clone();
        sorted.sort_unstable();
        sorted
    }
}

/// Prints the columns side by side as Markdown. `states` are the counts of leaves whose next append gets a row.
pub fn print(columns: &[Column], states: &[usize]) {
    let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
    println!("| | {} |\n|---|{}", names.join(" | "), "---:|".repeat(columns.len()));
    let line = |name: &str, cell: &dyn Fn(&Column) -> Option<u128>| {
        let cells: Vec<String> =
            columns.iter().map(|column| cell(column).map_or_else(|| "-".to_owned(), grouped)).collect();
        println!("| {name} | {} |", cells.join(" | "));
    };
    let mut named: Vec<&str> = Vec::new();
    for (name, _) in columns.iter().flat_map(|column| &column.rows) {
        if !named.contains(&name.as_str()) {
            named.push(name);
        }
    }
    let (create, others): (Vec<&str>, Vec<&str>) = named.into_iter().partition(|name| *name == "create");
    for name in create {
        line(name, &|column| column.find(name).map(u128::from));
    }
    for state in states {
        line(&format!("append to {}", grouped(*state as u128)), &|column| {
            column.appends.get(*state).map(|units| u128::from(*units))
        });
    }
    let count = columns.first().map_or(0, |column| column.appends.len());
    for (name, at) in [("least", 0), ("median", count / 2), ("most", count - 1)] {
        line(&format!("{name} of the first {} appends", grouped(count as u128)), &|column| {
            column.sorted().get(at).map(|units| u128::from(*units))
        });
    }
    for name in others {
        line(name, &|column| column.find(name).map(u128::from));
    }
    line("account, bytes", &|column| Some(column.account_bytes as u128));
    line("rent, lamports", &|column| Some(u128::from(column.rent_lamports)));
    line("capacity, leaves", &|column| Some(column.capacity));
}

/// The same figures as JSON lines.
pub fn json_lines(columns: &[Column], states: &[usize]) -> String {
    let mut lines = Vec::new();
    for column in columns {
        let exact = |name: &str, unit: &str, value: u128| {
            let value = Value::from(u64::try_from(value).expect("a figure of 64 bits"));
            json!({"name": format!("{}; {name}", column.name), "unit": unit, "value": value, "runs": 1,
                "min": value, "median": value, "max": value})
        };
        lines.extend(column.rows.iter().map(|(name, units)| exact(name, "CU", u128::from(*units))));
        for state in states {
            lines.extend(
                column.appends.get(*state).map(|units| exact(&format!("append to {state}"), "CU", u128::from(*units))),
            );
        }
        let sorted = column.sorted();
        if let (Some(min), Some(max)) = (sorted.first(), sorted.last()) {
            let median = sorted[sorted.len() / 2];
            lines.push(json!({"name": format!("{}; appends, one after the other", column.name), "unit": "CU",
                "value": median, "runs": sorted.len(), "min": min, "median": median, "max": max}));
        }
        lines.push(exact("account", "bytes", column.account_bytes as u128));
        lines.push(exact("rent", "lamports", u128::from(column.rent_lamports)));
        lines.push(exact("capacity", "leaves", column.capacity));
    }
    lines.iter().map(|line| format!("{line}\n")).collect()
}

/// With a comma between each three digits.
fn grouped(number: u128) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
