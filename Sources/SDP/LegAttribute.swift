import NetworkTypes

/// An attribute that belongs to one hop of the media and not to the session: an address, a key, a choice of transport. A
/// relay consumes those of one leg and writes its own for the other.
public struct LegAttribute: Hashable, Sendable {
    public enum Name: UInt8, Hashable, Sendable {
        /// RFC 3605, RFC 5761, RFC 8858.
        case rtcp, rtcpMux, rtcpMuxOnly
        /// RFC 4585, RFC 5506: of a leg only where the other leg has no such profile.
        case rtcpFeedback
        /// ICE (RFC 8839): the `ice-…` attributes and the candidates.
        case ice, candidate, remoteCandidates, endOfCandidates
        /// Keys and their transport: RFC 4568, RFC 8122, RFC 4145, RFC 8842, RFC 4567.
        case crypto, fingerprint, setup, connection, tlsID, keyManagement
        /// RFC 5888, RFC 9143.
        case group, bundleOnly
        /// Further addresses beside `c=`: RFC 4570, RFC 6947, and those that old NAT scripts left behind.
        case sourceFilter, alternative, formerAddress
        /// Transports, keys and addresses as capabilities (RFC 5939, RFC 7006).
        case capability
    }

    public let name: Name
    private let description: UInt8?
    private let lineRange: Range<UInt32>
    private let valueRange: Range<UInt32>

    init(name: Name, media: Int?, line: Range<Int>, value: Range<Int>) {
        self.name = name
        description = media.map(UInt8.init(clamping:))
        lineRange = Range(short: line)
        valueRange = Range(short: value)
    }

    /// The index of its media description; nil at session level.
    public var media: Int? { description.map(Int.init) }
    /// The whole line, line end included.
    public var line: Range<Int> { Range(lineRange) }
    /// What follows the colon; empty without one.
    public var value: Range<Int> { Range(valueRange) }
}

// Bodies of thousands of short lines are cheap to send: positions in them take four octets each (security 17).
extension Range<UInt32> {
    init(short range: Range<Int>) {
        self = UInt32(clamping: range.lowerBound)..<UInt32(clamping: range.upperBound)
    }
}

extension Range<Int> {
    init(_ short: Range<UInt32>) { self = Int(short.lowerBound)..<Int(short.upperBound) }
}

extension LegAttribute.Name {
    /// The leg attribute that the octets in `name` spell, in whatever case: nobody relies on the case, and a receiver
    /// that ignores it must not get through it what was to be consumed.
    init?(_ bytes: [UInt8], _ name: Range<Int>) {
        if name.count > 4, bytes.equals(name.lowerBound..<name.lowerBound + 4, ignoringCase: "ice-") {
            self = .ice
            return
        }
        guard name.count < Self.byLength.count else { return nil }
        for (spelling, value) in Self.byLength[name.count] where bytes.equals(name, ignoringCase: spelling) {
            self = value
            return
        }
        return nil
    }

    private static let byLength: [[(StaticString, Self)]] = {
        let all: [(StaticString, Self)] = [
            ("rtcp", .rtcp), ("rtcp-mux", .rtcpMux), ("rtcp-mux-only", .rtcpMuxOnly),
            ("rtcp-fb", .rtcpFeedback), ("rtcp-rsize", .rtcpFeedback),
            ("candidate", .candidate), ("remote-candidates", .remoteCandidates),
            ("end-of-candidates", .endOfCandidates), ("crypto", .crypto), ("fingerprint", .fingerprint),
            ("setup", .setup), ("connection", .connection), ("tls-id", .tlsID), ("dtls-id", .tlsID),
            ("key-mgmt", .keyManagement), ("group", .group), ("bundle-only", .bundleOnly),
            ("source-filter", .sourceFilter), ("alt", .alternative), ("altc", .alternative),
            ("oldmediaip", .formerAddress), ("oldoip", .formerAddress), ("oldcip", .formerAddress),
            ("tcap", .capability), ("acap", .capability), ("ccap", .capability), ("pcfg", .capability),
            ("acfg", .capability),
        ]
        let longest = all.map { $0.0.utf8CodeUnitCount }.max() ?? 0
        var table = [[(StaticString, Self)]](repeating: [], count: longest + 1)
        for entry in all { table[entry.0.utf8CodeUnitCount].append(entry) }
        return table
    }()
}
