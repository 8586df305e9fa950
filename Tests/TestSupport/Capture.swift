/// The UDP payloads of a capture file (pcap and pcapng, little-endian), as far as they are whole.
public enum Capture {
    public static func datagrams(_ file: [UInt8]) -> [[UInt8]] {
        guard file.count >= 24 else { return [] }
        return word(file, 0) == 0x0a0d_0d0a ? blocks(file) : records(file)
    }

    private static func records(_ file: [UInt8]) -> [[UInt8]] {
        let link = header(ofLink: word(file, 20))
        var all: [[UInt8]] = []
        var position = 24
        while position + 16 <= file.count {
            let end = position + 16 + word(file, position + 8)
            guard end <= file.count else { break }
            if let payload = payload(Array(file[position + 16..<end].dropFirst(link))) { all.append(payload) }
            position = end
        }
        return all
    }

    private static func blocks(_ file: [UInt8]) -> [[UInt8]] {
        var link = 14
        var all: [[UInt8]] = []
        var position = 0
        while position + 12 <= file.count {
            let (type, length) = (word(file, position), word(file, position + 4))
            guard length >= 12, position + length <= file.count else { break }
            if type == 1 { link = header(ofLink: word(file, position + 8) & 0xffff) }
            if type == 6, length >= 32, 28 + word(file, position + 20) <= length {
                let packet = file[position + 28..<position + 28 + word(file, position + 20)]
                if let payload = payload(Array(packet.dropFirst(link))) { all.append(payload) }
            }
            position += length
        }
        return all
    }

    private static func word(_ bytes: [UInt8], _ place: Int) -> Int {
        bytes[place..<place + 4].reversed().reduce(0) { $0 << 8 | Int($1) }
    }

    /// How many octets come before the IP header.
    private static func header(ofLink type: Int) -> Int { [0: 4, 1: 14, 101: 0, 113: 16][type] ?? 14 }

    /// What follows the UDP header of an IPv4 or IPv6 packet.
    private static func payload(_ packet: [UInt8]) -> [UInt8]? {
        guard packet.count > 40 else { return nil }
        let isV4 = packet[0] >> 4 == 4
        let header = isV4 ? Int(packet[0] & 15) * 4 : 40
        guard packet[isV4 ? 9 : 6] == 17, packet.count >= header + 8 else { return nil }
        let length = Int(packet[header + 4]) << 8 | Int(packet[header + 5])
        guard length >= 8, header + length <= packet.count else { return nil }
        return Array(packet[header + 8..<header + length])
    }
}
