//! Bytes packed as files are, so that what is mutated lies within a sound container.

use std::io::Write;

use flate2::write::GzEncoder;
use flate2::{Compression, Crc};

/// One gzip member.
pub(super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut writer = GzEncoder::new(Vec::new(), Compression::fast());
    writer.write_all(bytes).expect("a vector takes all");
    writer.finish().expect("a vector takes all")
}

/// A zip archive of `parts`, by name, not compressed.
pub(super) fn zip(parts: &[(&str, &[u8])]) -> Vec<u8> {
    const VERSION: u16 = 10;
    let (mut archive, mut directory) = (Vec::new(), Vec::new());
    for (name, bytes) in parts {
        let mut crc = Crc::new();
        crc.update(bytes);
        // What the local header and the directory have in common.
        let mut common = Vec::new();
        common.extend(VERSION.to_le_bytes());
        // Flags, method, time, date.
        common.extend([0; 8]);
        common.extend(crc.sum().to_le_bytes());
        for _packed_and_unpacked in 0..2 {
            common.extend((bytes.len() as u32).to_le_bytes());
        }
        common.extend((name.len() as u16).to_le_bytes());
        // Length of the extra field.
        common.extend([0; 2]);

        directory.extend(b"PK\x01\x02");
        directory.extend(VERSION.to_le_bytes());
        directory.extend(&common);
        // Comment, disk, attributes.
        directory.extend([0; 10]);
        directory.extend((archive.len() as u32).to_le_bytes());
        directory.extend(name.as_bytes());

        archive.extend(b"PK\x03\x04");
        archive.extend(&common);
        archive.extend(name.as_bytes());
        archive.extend(*bytes);
    }
    let start = archive.len() as u32;
    archive.extend(&directory);
    archive.extend(b"PK\x05\x06\0\0\0\0");
    for _on_this_disk_and_in_all in 0..2 {
        archive.extend((parts.len() as u16).to_le_bytes());
    }
    archive.extend((directory.len() as u32).to_le_bytes());
    archive.extend(start.to_le_bytes());
    archive.extend([0; 2]);
    archive
}

/// An Excel workbook of one sheet in which `part` is `bytes`.
pub(super) fn workbook(part: &str, bytes: &[u8]) -> Vec<u8> {
    const PARTS: [(&str, &str); 5] = [
        (
            "[Content_Types].xml",
            r#"<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="xml" ContentType="application/xml"/></Types>"#,
        ),
        (
            "xl/_rels/workbook.xml.rels",
            r#"<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/></Relationships>"#,
        ),
        (
            "xl/workbook.xml",
            r#"<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="drugs" sheetId="1" r:id="r1"/></sheets></workbook>"#,
        ),
        (
            "xl/sharedStrings.xml",
            r#"<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><si><t>SMILES</t></si><si><t>CCO</t></si></sst>"#,
        ),
        (
            "xl/worksheets/sheet1.xml",
            r#"<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData><row r="1"><c r="A1" t="s"><v>0</v></c></row><row r="2"><c r="A2" t="s"><v>1</v></c></row></sheetData></worksheet>"#,
        ),
    ];
    let others = PARTS.iter().filter(|(name, _)| *name != part);
    let mut parts: Vec<(&str, &[u8])> = others
        .map(|(name, text)| (*name, text.as_bytes()))
        .collect();
    parts.push((part, bytes));
    zip(&parts)
}
