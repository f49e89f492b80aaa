//! The links between the project's Markdown files: each leads to a file, and to a
//! heading there.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};
use std::process::Command;

use anyhow::Result;
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use crate::command::answer;
use crate::tally::Tally;
use crate::workspace::{Workspace, read};

/// What is the matter with the links of one file.
#[derive(Debug, PartialEq, Eq)]
struct Broken {
    /// The file that links, from the root.
    from: PathBuf,
    /// Its line, from 1.
    line: usize,
    link: String,
    why: &'static str,
}

/// Checks every Markdown file that git knows; a file counts as one test.
pub(crate) fn check(workspace: &Workspace) -> Result<Tally> {
    let names = answer(
        Command::new("git")
            .args([
                "ls-files",
                "-z",
                "--cached",
                "--others",
                "--exclude-standard",
                "--",
                "*.md",
            ])
            .current_dir(&workspace.root),
    )?;
    let names: BTreeSet<PathBuf> = names
        .split('\0')
        .filter(|name| !name.is_empty() && workspace.root.join(name).is_file())
        .map(PathBuf::from)
        .collect();
    let mut pages = BTreeMap::new();
    for name in &names {
        pages.insert(name.clone(), Page::of(&read(&workspace.root.join(name))?));
    }
    let exists = |path: &Path| workspace.root.join(path).exists();
    let mut tally = Tally::default();
    for name in &names {
        let broken = broken_links(name, &pages, &exists);
        for one in &broken {
            println!(
                "{}:{}: the link {} {}",
                one.from.display(),
                one.line,
                one.link,
                one.why
            );
        }
        match broken.is_empty() {
            true => tally.passed += 1,
            false => tally.failed += 1,
        }
    }
    Ok(tally)
}

/// The links and headings of a Markdown file.
struct Page {
    /// Each with its line, from 1.
    links: Vec<(usize, String)>,
    /// Names of headings, as they stand behind a `#`.
    headings: BTreeSet<String>,
}

impl Page {
    fn of(text: &str) -> Self {
        let (mut links, mut headings) = (Vec::new(), BTreeSet::new());
        let mut heading: Option<String> = None;
        for (event, range) in Parser::new_ext(text, Options::ENABLE_TABLES).into_offset_iter() {
            match event {
                Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                    let line = text[..range.start].matches('\n').count() + 1;
                    links.push((line, dest_url.into_string()));
                }
                Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
                Event::End(TagEnd::Heading(_)) => {
                    headings.extend(heading.take().map(|words| anchor(&words)));
                }
                Event::Text(words) | Event::Code(words) => {
                    if let Some(heading) = &mut heading {
                        heading.push_str(&words);
                    }
                }
                _ => {}
            }
        }
        Self { links, headings }
    }
}

/// The name of a heading in a link: lower case, blanks as hyphens, without
/// punctuation, as renderers make it.
fn anchor(heading: &str) -> String {
    heading
        .to_lowercase()
        .chars()
        .filter(|letter| letter.is_alphanumeric() || " -_".contains(*letter))
        .map(|letter| if letter == ' ' { '-' } else { letter })
        .collect()
}

fn broken_links(
    from: &Path,
    pages: &BTreeMap<PathBuf, Page>,
    exists: &dyn Fn(&Path) -> bool,
) -> Vec<Broken> {
    let mut broken = Vec::new();
    for (line, link) in &pages[from].links {
        if link.contains("://") || link.starts_with("mailto:") {
            continue;
        }
        let (file, place) = link.split_once('#').unwrap_or((link, ""));
        let target = match file {
            "" => Some(from.to_path_buf()),
            _ => resolved(from, file),
        };
        let why = match &target {
            None => Some("leads out of the project"),
            Some(target) if !exists(target) => Some("leads to no file"),
            // A book shows its own pages and what lies beside them alone.
            Some(target) if from.starts_with(BOOK) && !target.starts_with(BOOK) => {
                Some("leads out of the book: name the file instead")
            }
            Some(target) if !place.is_empty() => pages
                .get(target)
                .is_some_and(|page| !page.headings.contains(place))
                .then_some("leads to no heading"),
            Some(_) => None,
        };
        broken.extend(why.map(|why| Broken {
            from: from.to_path_buf(),
            line: *line,
            link: link.clone(),
            why,
        }));
    }
    broken
}

/// The folder that is rendered as a book.
pub(crate) const BOOK: &str = "docs";

/// Where a relative link leads, from the root; nothing if it leads out of it.
fn resolved(from: &Path, link: &str) -> Option<PathBuf> {
    let mut path = from.parent()?.to_path_buf();
    for part in Path::new(link).components() {
        match part {
            Component::Normal(name) => path.push(name),
            Component::CurDir => {}
            Component::ParentDir => {
                if !path.pop() {
                    return None;
                }
            }
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pages(files: &[(&str, &str)]) -> BTreeMap<PathBuf, Page> {
        files
            .iter()
            .map(|(name, text)| (PathBuf::from(name), Page::of(text)))
            .collect()
    }

    fn links_of(from: &str, files: &[(&str, &str)]) -> Vec<(usize, &'static str)> {
        let pages = pages(files);
        let exists = |path: &Path| pages.contains_key(path) || path.starts_with("src");
        broken_links(Path::new(from), &pages, &exists)
            .into_iter()
            .map(|broken| (broken.line, broken.why))
            .collect()
    }

    #[test]
    fn a_link_leads_to_a_file_and_to_a_heading_there() {
        let files = [
            (
                "README.md",
                "[a](docs/a.md#in-8-bits-int8)\n[web](https://example.org/x)\n[s](src/lib.rs)",
            ),
            (
                "docs/a.md",
                "# In 8 bits: `int8`\n[b](guide/b.md) [here](#in-8-bits-int8)",
            ),
            ("docs/guide/b.md", "[up](../a.md)"),
        ];
        for (name, _) in files {
            assert_eq!(links_of(name, &files), [], "{name}");
        }
    }

    #[test]
    fn a_link_that_leads_nowhere_is_found_with_its_line() {
        let files = [
            (
                "docs/a.md",
                "# A\n\n[one](none.md)\n\n[two](#b)\n\n[three](../README.md)\n\n[four](../../x.md)\n\n```\n[no](link.md)\n```\n",
            ),
            ("README.md", "text"),
        ];
        assert_eq!(
            links_of("docs/a.md", &files),
            [
                (3, "leads to no file"),
                (5, "leads to no heading"),
                (7, "leads out of the book: name the file instead"),
                (9, "leads out of the project"),
            ]
        );
    }
}
