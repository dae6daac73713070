// Files -> a ZIP archive, stored without compression: PNG are compressed already.

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, value) => {
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  return value;
});

function crc32(bytes) {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = CRC_TABLE[(crc ^ byte) & 255] ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

/** files: [{ name, bytes: Uint8Array, time: Date }] -> Blob. */
export function zip(files) {
  const parts = [];
  const directory = [];
  let offset = 0;
  for (const { name, bytes, time } of files) {
    const encoded = new TextEncoder().encode(name);
    const fields = header(bytes, encoded.length, time);
    const local = record(0x04034b50, [], fields, []);
    parts.push(local, encoded, bytes);
    directory.push(record(0x02014b50, [20], fields, [[0, 2], [0, 2], [0, 2], [0, 4], [offset, 4]]), encoded);
    offset += local.length + encoded.length + bytes.length;
  }
  const size = directory.reduce((sum, part) => sum + part.length, 0);
  const end = pack([[0x06054b50, 4], [0, 2], [0, 2], [files.length, 2], [files.length, 2], [size, 4], [offset, 4], [0, 2]]);
  return new Blob([...parts, ...directory, end], { type: "application/zip" });
}

/** Version, flags (UTF-8 names), method, time, date, checksum, sizes, length of the name, of nothing else. */
function header(bytes, nameLength, time) {
  const clock = (time.getHours() << 11) | (time.getMinutes() << 5) | (time.getSeconds() >> 1);
  const day = ((time.getFullYear() - 1980) << 9) | ((time.getMonth() + 1) << 5) | time.getDate();
  return [
    [20, 2], [0x0800, 2], [0, 2], [clock, 2], [day, 2],
    [crc32(bytes), 4], [bytes.length, 4], [bytes.length, 4], [nameLength, 2], [0, 2],
  ];
}

function record(signature, versions, fields, rest) {
  return pack([[signature, 4], ...versions.map((version) => [version, 2]), ...fields, ...rest]);
}

/** [value, bytes] little-endian, one after the other. */
function pack(fields) {
  const bytes = [];
  for (const [value, size] of fields) for (let at = 0; at < size; at++) bytes.push((value >>> (8 * at)) & 255);
  return Uint8Array.from(bytes);
}
