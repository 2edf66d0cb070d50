//! The committed file itself.

const PROGRAM: &[u8] = include_bytes!("../../release/counterfoil.so");

#[test]
fn it_says_whom_to_tell_of_a_fault() {
    let text = String::from_utf8_lossy(PROGRAM);
    let (_, rest) = text.split_once("=======BEGIN SECURITY.TXT V1=======\0").expect("where explorers look for it");
    let (fields, _) = rest.split_once("=======END SECURITY.TXT V1=======\0").expect("its end");
    let fields: Vec<&str> = fields.split('\0').collect();
    for name in ["name", "project_url", "contacts", "policy"] {
        let at = fields.iter().position(|field| *field == name).expect(name);
        assert!(!fields[at + 1].is_empty(), "{name}");
    }
}
