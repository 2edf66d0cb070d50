//! No files import each other in a circle, so each can be read after those that it uses, and moved with them.
//!
//! The names that a file takes are read from its `use` declarations and the paths in its code. A name that a module only hands on (`pub
//! use`) counts as taken from where it is defined. Tests are left out.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use cargo_metadata::{Target, TargetKind};
use syn::visit::Visit;
use syn::{Attribute, Item, ItemMod, UseTree, Visibility};

use crate::imports::packages;

/// Names from the crate's root on: `crate::a::B` is `[a, B]`.
type Names = Vec<String>;

/// A module: of a file, or written within one.
#[derive(Default)]
struct Module {
    file: PathBuf,
    /// The targets of names that are declared by `use`.
    aliases: BTreeMap<String, Names>,
    /// Those of them that are taken for the module itself, and the paths that occur in its code.
    taken: Vec<Names>,
}

/// The modules of one crate by their names.
#[derive(Default)]
struct Crate(BTreeMap<Names, Module>);

impl Crate {
    fn read(root: &Path) -> Self {
        let mut modules = Self::default();
        modules.read_file(root, Vec::new(), root.parent().unwrap());
        modules
    }

    /// `folder` is where the files of its modules are.
    fn read_file(&mut self, file: &Path, names: Names, folder: &Path) {
        let source = fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let parsed = syn::parse_file(&source).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        self.read_items(file, names, folder, &parsed.items);
    }

    fn read_items(&mut self, file: &Path, names: Names, folder: &Path, items: &[Item]) {
        let children: BTreeSet<String> = items.iter().filter_map(child).map(|item| item.ident.to_string()).collect();
        let mut reader = Reader { names: &names, children: &children, module: Module::default() };
        reader.module.file = file.to_owned();
        items.iter().for_each(|item| reader.visit_item(item));
        let module = reader.module;
        self.0.insert(names.clone(), module);
        for item in items.iter().filter_map(child) {
            let name = item.ident.to_string();
            let below = [names.clone(), vec![name.clone()]].concat();
            match &item.content {
                Some((_, items)) => self.read_items(file, below, &folder.join(name), items),
                None => {
                    let of_folder = folder.join(&name).join("mod.rs");
                    let of_file = folder.join(format!("{name}.rs"));
                    let file = if of_folder.is_file() { of_folder } else { of_file };
                    self.read_file(&file, below, &folder.join(name));
                }
            }
        }
    }

    /// The file that defines what these names stand for; none when they stand for a module as a whole, or for nothing here.
    fn defining_file(&self, names: &[String]) -> Option<&Path> {
        let mut names = names.to_vec();
        // A name that is handed on leads to another path; more steps than modules would go round.
        for _ in 0..self.0.len() {
            let depth = (0..=names.len()).rev().find(|depth| self.0.contains_key(&names[..*depth]))?;
            let module = &self.0[&names[..depth]];
            let name = names.get(depth)?;
            match module.aliases.get(name) {
                Some(target) => names = [target.as_slice(), &names[depth + 1..]].concat(),
                None => return Some(&module.file),
            }
        }
        None
    }

    /// Each file with those that it takes something from.
    fn arrows(&self) -> BTreeMap<PathBuf, BTreeSet<PathBuf>> {
        let mut arrows = BTreeMap::<PathBuf, BTreeSet<PathBuf>>::new();
        for module in self.0.values() {
            let from = arrows.entry(module.file.clone()).or_default();
            let used = module.taken.iter().filter_map(|names| self.defining_file(names));
            from.extend(used.filter(|file| *file != module.file).map(Path::to_owned));
        }
        arrows
    }
}

/// Reads what one module takes.
struct Reader<'a> {
    names: &'a Names,
    children: &'a BTreeSet<String>,
    module: Module,
}

impl Reader<'_> {
    /// A path as names from the root on; none when it leads out of the crate, or is not known.
    fn absolute(&self, path: &[String]) -> Option<Names> {
        let (first, rest) = path.split_first()?;
        let mut names = match first.as_str() {
            "crate" => Vec::new(),
            "self" => self.names.clone(),
            "super" => self.names[..self.names.len().checked_sub(1)?].to_vec(),
            name if self.children.contains(name) => [self.names.clone(), vec![name.to_owned()]].concat(),
            name => self.module.aliases.get(name)?.clone(),
        };
        for name in rest {
            match name.as_str() {
                "super" => drop(names.pop()?),
                "self" => {}
                name => names.push(name.to_owned()),
            }
        }
        Some(names)
    }

    fn declare(&mut self, prefix: &[String], tree: &UseTree, is_handed_on: bool) {
        let path = |name: &syn::Ident| [prefix, &[name.to_string()]].concat();
        let (path, alias) = match tree {
            UseTree::Path(tree) => return self.declare(&path(&tree.ident), &tree.tree, is_handed_on),
            UseTree::Group(group) => {
                return group.items.iter().for_each(|tree| self.declare(prefix, tree, is_handed_on));
            }
            UseTree::Glob(_) => ([prefix, &["*".to_owned()]].concat(), None),
            UseTree::Name(tree) if tree.ident == "self" => (prefix.to_vec(), prefix.last().cloned()),
            UseTree::Name(tree) => (path(&tree.ident), Some(tree.ident.to_string())),
            UseTree::Rename(tree) => (path(&tree.ident), Some(tree.rename.to_string())),
        };
        let Some(names) = self.absolute(&path) else { return };
        if !is_handed_on {
            self.module.taken.push(names.clone());
        }
        if let Some(alias) = alias {
            self.module.aliases.insert(alias, names);
        }
    }
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        if !is_test(attributes(item)) && child(item).is_none() {
            syn::visit::visit_item(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        if !is_test(&item.attrs) {
            self.declare(&[], &item.tree, !matches!(item.vis, Visibility::Inherited));
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments: Names = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        self.module.taken.extend(self.absolute(&segments));
        syn::visit::visit_path(self, path);
    }
}

/// A module that the item declares, unless it is one of tests.
fn child(item: &Item) -> Option<&ItemMod> {
    match item {
        Item::Mod(item) if !is_test(&item.attrs) => Some(item),
        _ => None,
    }
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg") && attribute.parse_args::<syn::Path>().is_ok_and(|path| path.is_ident("test"))
    })
}

/// The groups of files of which each leads to each other.
fn circles(arrows: &BTreeMap<PathBuf, BTreeSet<PathBuf>>) -> Vec<BTreeSet<PathBuf>> {
    let reached = |from: &PathBuf| {
        let mut reached = BTreeSet::new();
        let mut next: Vec<&PathBuf> = arrows[from].iter().collect();
        while let Some(file) = next.pop() {
            if reached.insert(file.clone()) {
                next.extend(&arrows[file]);
            }
        }
        reached
    };
    let reached: BTreeMap<&PathBuf, BTreeSet<PathBuf>> = arrows.keys().map(|file| (file, reached(file))).collect();
    let circle = |file: &PathBuf| -> BTreeSet<PathBuf> {
        reached[file].iter().filter(|other| reached[*other].contains(file)).cloned().collect()
    };
    let all: BTreeSet<BTreeSet<PathBuf>> = arrows.keys().map(circle).filter(|circle| circle.len() > 1).collect();
    all.into_iter().collect()
}

/// The targets that are shipped: tests, benches and examples are left out.
fn is_code(target: &Target) -> bool {
    target.kind.iter().any(|kind| {
        !matches!(kind, TargetKind::Test | TargetKind::Bench | TargetKind::Example | TargetKind::CustomBuild)
    })
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    let mut found = Vec::new();
    let mut files = 0;
    for package in packages() {
        for target in package.targets.iter().filter(|target| is_code(target)) {
            let arrows = Crate::read(target.src_path.as_std_path()).arrows();
            files += arrows.len();
            for circle in circles(&arrows) {
                let arrows = circle.iter().map(|file| {
                    let used: Vec<_> = arrows[file].intersection(&circle).collect();
                    format!("{file:?} takes from {used:?}")
                });
                found.push(arrows.collect::<Vec<_>>());
            }
        }
    }
    assert!(files > 300, "the files of the project were read: {files}");
    assert!(found.is_empty(), "{} circles: {found:#?}", found.len());
}

#[test]
fn a_circle_is_found_through_names_that_are_handed_on() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        fs::create_dir_all(folder.path().join(name).parent().unwrap()).unwrap();
        fs::write(folder.path().join(name), text).unwrap();
    };
    write("lib.rs", "mod a; mod b; pub use a::A;");
    write("a/mod.rs", "mod c; pub use c::C; pub struct A;");
    write("a/c.rs", "use crate::b; pub struct C(b::B);");
    let read = || circles(&Crate::read(&folder.path().join("lib.rs")).arrows());

    write("b.rs", "use crate::A; pub struct B(A); #[cfg(test)] mod tests { use crate::a::C; }");
    assert_eq!(read(), Vec::<BTreeSet<_>>::new());
    for b in ["use crate::a::C; pub struct B(C);", "pub struct B; fn f() { let _ = crate::a::C::new(); }"] {
        write("b.rs", b);
        let circle = ["a/c.rs", "b.rs"].map(|name| folder.path().join(name));
        assert_eq!(read(), [BTreeSet::from(circle)], "{b}");
    }
}
