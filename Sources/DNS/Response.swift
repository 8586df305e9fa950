import NetworkTypes

/// A DNS response (RFC 1035 §4.1), as far as it is of use here.
public struct Response: Hashable, Sendable {
    /// RFC 1035 §4.1.1, RFC 6895 §2.3.
    public enum Code: Hashable, Sendable {
        case success, unknownName
        /// The server could not or would not answer: nothing is known of the name.
        case failure(UInt8)
    }

    struct Record: Hashable, Sendable {
        enum Content: Hashable, Sendable {
            case address(IPAddress)
            case service(ServiceRecord)
            case authority(NamingAuthorityRecord)
            case alias(DomainName)
            /// The last field of a SOA: for how long an absence may be believed (RFC 2308 §4).
            case startOfAuthority(minimum: UInt32)
        }

        let name: DomainName
        /// Seconds.
        let timeToLive: UInt32
        let content: Content
    }

    public private(set) var code: Code
    public private(set) var question: Question?
    private(set) var answers: [Record] = []
    private(set) var authorities: [Record] = []
    private(set) var additional: [Record] = []

    /// As many records are read of one response, whatever it holds: no domain has more servers, and a response over TCP
    /// has room for thousands (security 36).
    static let mostRecords = 256

    /// Reads a response. Records of other types and classes, and ones with names that no host has, are left out.
    public init(_ octets: [UInt8]) throws(MalformedMessage) {
        var reader = WireReader(octets)
        _ = try reader.number16()
        let flags = try reader.number16()
        let counts = (
            questions: try reader.number16(), answers: try reader.number16(), authorities: try reader.number16(),
            additional: try reader.number16()
        )
        guard flags >> 15 == 1, counts.questions == 1 else { throw .notAnAnswer }
        code =
            switch UInt8(truncatingIfNeeded: flags & 0xf) {
            case 0: .success
            case 3: .unknownName
            case let other: .failure(other)
            }
        if let name = try reader.name() {
            let type = RecordType(rawValue: try reader.number16())
            let isInternet = try reader.number16() == Self.internet
            if let type, isInternet { question = Question(name, type) }
        } else {
            _ = try reader.number32()
        }
        var room = Self.mostRecords
        answers = try Self.records(counts.answers, from: &reader, room: &room)
        authorities = try Self.records(counts.authorities, from: &reader, room: &room)
        additional = try Self.records(counts.additional, from: &reader, room: &room)
    }

    private static let internet: UInt16 = 1

    private static func records(
        _ count: UInt16, from reader: inout WireReader, room: inout Int
    ) throws(MalformedMessage) -> [Record] {
        var records: [Record] = []
        for _ in 0..<count where room > 0 {
            room -= 1
            let name = try reader.name()
            let type = try reader.number16()
            let kind = try reader.number16()
            let timeToLive = try reader.number32()
            var data = try reader.part(Int(reader.number16()))
            guard let name, kind == internet, let content = try content(type, &data) else { continue }
            // RFC 2181 §8: a value with the top bit set is 0.
            records.append(
                Record(name: name, timeToLive: timeToLive >> 31 == 1 ? 0 : timeToLive, content: content))
        }
        return records
    }

    private static func content(
        _ type: UInt16, _ data: inout WireReader
    ) throws(MalformedMessage) -> Record.Content? {
        let content: Record.Content?
        switch type {
        case 1: content = .address(try address(4, &data))
        case 28: content = .address(try address(16, &data))
        case 5: content = try data.name().map { .alias($0) }
        case 6: content = .startOfAuthority(minimum: try minimum(&data))
        case 33: content = try service(&data)
        case 35: content = try authority(&data)
        default: return nil
        }
        guard data.isAtEnd else { throw .badData }
        return content
    }

    private static func address(_ length: Int, _ data: inout WireReader) throws(MalformedMessage) -> IPAddress {
        guard let address = IPAddress(octets: try data.take(length)) else { throw .badData }
        return address
    }

    private static func minimum(_ data: inout WireReader) throws(MalformedMessage) -> UInt32 {
        _ = try data.name()
        _ = try data.name()
        _ = try data.take(16)
        return try data.number32()
    }

    private static func service(_ data: inout WireReader) throws(MalformedMessage) -> Record.Content? {
        let priority = try data.number16()
        let weight = try data.number16()
        let port = try data.number16()
        guard let target = try data.name() else { return nil }
        return .service(ServiceRecord(priority: priority, weight: weight, port: port, target: target))
    }

    private static func authority(_ data: inout WireReader) throws(MalformedMessage) -> Record.Content? {
        let order = try data.number16()
        let preference = try data.number16()
        let flags = try data.string()
        let service = try data.string()
        let expression = try data.string()
        guard let replacement = try data.name(), replacement != .root, expression.isEmpty else { return nil }
        return .authority(
            NamingAuthorityRecord(
                order: order, preference: preference,
                flags: String(decoding: flags.map(\.lowercased), as: UTF8.self),
                service: String(decoding: service.map { $0.isAlpha ? $0 & 0xdf : $0 }, as: UTF8.self),
                replacement: replacement))
    }
}
