//! A zip archive of small files, stored without compression: the `zip` download.
//!
//! Written by hand, because an archive that is only ever written, and never compressed, is three
//! fixed records; any unpacker reads it.

/// One file of an archive.
pub(super) struct Entry<'content> {
    pub(super) name: String,
    pub(super) content: &'content [u8],
}

/// Version 2.0: the oldest that everything reads.
const VERSION: u16 = 20;
/// 1980-01-01, the beginning of the format's time: the archive is the same whenever it is made.
const DATE: u16 = 1 << 5 | 1;

/// The archive, or nothing when it would be too large for the plain format.
pub(super) fn archive(entries: &[Entry<'_>]) -> Option<Vec<u8>> {
    let mut archive = Vec::new();
    let mut directory = Vec::new();
    for entry in entries {
        let offset = u32::try_from(archive.len()).ok()?;
        let header = header(entry)?;
        archive.extend(0x0403_4b50_u32.to_le_bytes());
        archive.extend(&header);
        archive.extend(entry.name.as_bytes());
        archive.extend(entry.content);

        directory.extend(0x0201_4b50_u32.to_le_bytes());
        directory.extend(VERSION.to_le_bytes());
        directory.extend(&header);
        // No comment, first disk, no attributes.
        directory.extend([0; 10]);
        directory.extend(offset.to_le_bytes());
        directory.extend(entry.name.as_bytes());
    }
    let offset = u32::try_from(archive.len()).ok()?;
    let count = u16::try_from(entries.len()).ok()?;
    archive.extend(&directory);
    archive.extend(0x0605_4b50_u32.to_le_bytes());
    archive.extend([0; 4]);
    archive.extend(count.to_le_bytes());
    archive.extend(count.to_le_bytes());
    archive.extend(u32::try_from(directory.len()).ok()?.to_le_bytes());
    archive.extend(offset.to_le_bytes());
    archive.extend([0; 2]);
    Some(archive)
}

/// What the entry and the directory have in common.
fn header(entry: &Entry<'_>) -> Option<Vec<u8>> {
    let size = u32::try_from(entry.content.len()).ok()?;
    let mut header = Vec::new();
    // Version, flags, method, time: stored, at midnight.
    for field in [VERSION, 0, 0, 0, DATE] {
        header.extend(field.to_le_bytes());
    }
    for field in [checksum(entry.content), size, size] {
        header.extend(field.to_le_bytes());
    }
    header.extend(u16::try_from(entry.name.len()).ok()?.to_le_bytes());
    header.extend([0; 2]);
    Some(header)
}

/// CRC-32 as zip wants it.
fn checksum(content: &[u8]) -> u32 {
    let step = |crc: u32| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
    let byte = |crc: u32, byte: &u8| (0..8).fold(crc ^ u32::from(*byte), |crc, _| step(crc));
    !content.iter().fold(u32::MAX, byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_begins_with_its_first_file_and_ends_with_the_count() {
        assert_eq!(checksum(b"123456789"), 0xcbf4_3926);
        let entry = Entry { name: "a.txt".to_owned(), content: b"hello" };
        let bytes = archive(&[entry]).unwrap();
        assert_eq!(&bytes[..4], b"PK\x03\x04");
        assert_eq!(&bytes[30..40], b"a.txthello");
        let directory = bytes.len() - 22;
        assert_eq!(&bytes[directory..directory + 4], b"PK\x05\x06");
        assert_eq!(&bytes[directory + 8..directory + 12], [1, 0, 1, 0]);
        assert_eq!(&bytes[40..44], b"PK\x01\x02");
        assert_eq!(bytes.len(), 40 + 46 + 5 + 22);
    }
}
