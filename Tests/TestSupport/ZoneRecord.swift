import NetworkTypes

/// A DNS record for tests, as a zone file spells it: `example.org 300 SRV 0 5 5060 sip.example.org`.
public struct ZoneRecord: Hashable, Sendable {
    public var name: String
    public var timeToLive: UInt32
    public var type: UInt16
    public var data: [UInt8]
    /// The name that the record leads to, where it does.
    public var target: String?

    /// The fields of NAPTR stand without quotes; an empty one is `-`. A SOA has only its minimum.
    public init(_ line: String) {
        let fields = line.split(separator: " ").map(String.init)
        func number(_ index: Int) -> UInt16 { UInt16(fields[index]) ?? 0 }
        func string(_ index: Int) -> [UInt8] {
            fields[index] == "-" ? [0] : [UInt8(fields[index].utf8.count)] + Array(fields[index].utf8)
        }
        name = fields[0]
        timeToLive = UInt32(fields[1]) ?? 0
        switch fields[2] {
        case "A": (type, data) = (1, IPAddress(fields[3])?.octets ?? [])
        case "AAAA": (type, data) = (28, IPAddress(fields[3])?.octets ?? [])
        case "CNAME": (type, data, target) = (5, Self.wire(fields[3]), fields[3])
        case "SOA":
            let minimum = UInt32(fields[3]) ?? 0
            (type, data) = (6, Self.wire("ns.invalid") + Self.wire("root.invalid") + [UInt8](repeating: 0, count: 16))
            data += Self.octets(UInt16(minimum >> 16)) + Self.octets(UInt16(minimum & 0xffff))
        case "SRV":
            (type, target) = (33, fields[6])
            data = Self.octets(number(3)) + Self.octets(number(4)) + Self.octets(number(5)) + Self.wire(fields[6])
        case "NAPTR":
            (type, target) = (35, fields[8])
            data = Self.octets(number(3)) + Self.octets(number(4))
            data += string(5) + string(6) + string(7) + Self.wire(fields[8])
        default: (type, data) = (16, [4] + Array("text".utf8))
        }
    }

    /// The record on the wire, uncompressed.
    public var wire: [UInt8] {
        Self.wire(name) + Self.octets(type) + [0, 1] + Self.octets(UInt16(timeToLive >> 16))
            + Self.octets(UInt16(timeToLive & 0xffff)) + Self.octets(UInt16(data.count)) + data
    }

    public static func octets(_ value: UInt16) -> [UInt8] { [UInt8(value >> 8), UInt8(value & 0xff)] }

    /// A name on the wire, uncompressed; `.` is the root.
    public static func wire(_ name: String) -> [UInt8] {
        name.split(separator: ".").flatMap { [UInt8($0.utf8.count)] + Array($0.utf8) } + [0]
    }
}

/// A DNS response for tests.
public struct ZoneResponse: Sendable {
    public var id: UInt16 = 0
    /// QR, RD and RA; add TC (0x0200) or a response code.
    public var flags: UInt16 = 0x8180
    public var question: (name: String, type: UInt16)
    public var answers: [ZoneRecord] = []
    public var authorities: [ZoneRecord] = []
    public var additional: [ZoneRecord] = []

    public init(_ name: String, _ type: UInt16) { question = (name, type) }

    public var wire: [UInt8] {
        var octets = [id, flags, 1].flatMap(ZoneRecord.octets)
        octets += [answers, authorities, additional].flatMap { ZoneRecord.octets(UInt16($0.count)) }
        octets += ZoneRecord.wire(question.name) + ZoneRecord.octets(question.type) + [0, 1]
        return octets + (answers + authorities + additional).flatMap(\.wire)
    }
}

/// Records that a test's server answers from.
public struct Zone: Sendable {
    public var records: [ZoneRecord]
    /// Seconds that an absence lasts; no SOA where nil.
    public var negativeTimeToLive: UInt32? = 60
    /// Whether the addresses of SRV targets come along.
    public var addsTargets = true

    public init(_ lines: [String]) { records = lines.map(ZoneRecord.init) }

    /// What a recursive server would answer.
    public func response(_ name: String, _ type: UInt16) -> ZoneResponse {
        var response = ZoneResponse(name, type)
        var owner = name.lowercased()
        for _ in 0..<20 {
            let found = records.filter { $0.name == owner && $0.type == type }
            response.answers += found
            guard found.isEmpty, let alias = records.first(where: { $0.name == owner && $0.type == 5 }),
                let target = alias.target
            else { break }
            response.answers.append(alias)
            owner = target
        }
        if response.answers.allSatisfy({ $0.type == 5 }) {
            if let negativeTimeToLive {
                response.authorities = [ZoneRecord("zone \(negativeTimeToLive) SOA \(negativeTimeToLive)")]
            }
            if !records.contains(where: { $0.name == owner || $0.name.hasSuffix("." + owner) }) { response.flags |= 3 }
        } else if addsTargets {
            let targets = response.answers.filter { $0.type == 33 }.compactMap(\.target)
            response.additional = records.filter { targets.contains($0.name) && [1, 28].contains($0.type) }
        }
        return response
    }
}
