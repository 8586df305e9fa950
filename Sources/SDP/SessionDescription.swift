import NetworkTypes

/// A session description (RFC 8866) over the octets it was received in: ranges, no copies.
///
/// Read is what a relay between two legs has to know or to change; all other lines, however odd, are not looked at and
/// leave as they came. Missing `o=`, `s=` and `t=` lines are nobody's business here: the receiver judges them.
public struct SessionDescription: Sendable {
    /// The longest body that is taken.
    public static let maximumLength = 65_536
    /// The most media descriptions.
    public static let maximumMedia = 32
    /// The most lines that are remembered.
    public static let maximumFields = 1_024
    /// The most `a=crypto` lines of one media description.
    public static let maximumCryptoLines = 16
    /// The most `a=fingerprint` lines of one media description, or of the session level.
    public static let maximumFingerprints = 16

    /// A line that a rewrite touches.
    public enum Field: Hashable, Sendable {
        /// Address type and address of an `o=` line.
        case origin(Range<Int>)
        case connection(ConnectionData)
        /// The `m=` line of the media description with this index.
        case media(Int)
        case attribute(LegAttribute)
    }

    /// The octets that the ranges count in.
    public let bytes: [UInt8]
    /// Where the body is in ``bytes``.
    public let body: Range<Int>
    /// The lines that a rewrite touches, in the order of the body.
    public private(set) var fields: [Field] = []
    public private(set) var media: [MediaDescription] = []
    /// The first `c=` of the session level.
    public private(set) var connection: ConnectionData?
    /// The direction at session level, `sendrecv` where none is given.
    public private(set) var direction = MediaDirection.sendrecv
    /// What is said about ICE at session level.
    private var ice = ICEDescription()
    /// What the session level says about DTLS.
    private var identity = TransportIdentity()
    /// Whether the media description being read has had a `c=` of its own.
    private var hasOwnConnection = false

    /// Reads the octets of `bytes` in `body`, or all of them.
    public init(_ bytes: [UInt8], body: Range<Int>? = nil) throws(SDPError) {
        self.bytes = bytes
        self.body = (body ?? 0..<bytes.count).clamped(to: 0..<bytes.count)
        guard self.body.count <= Self.maximumLength else { throw .tooLong }
        try read()
    }
}

// MARK: Reading

extension SessionDescription {
    private mutating func read() throws(SDPError) {
        var scanner = LineScanner(body)
        guard let first = scanner.next(in: bytes), first.type == UInt8(ascii: "v"),
            bytes.equals(bytes.trimming(first.value), ignoringCase: "0")
        else { throw .missingVersion }
        makeRoom()
        while let line = scanner.next(in: bytes) {
            switch line.type {
            case UInt8(ascii: "a"): try readAttribute(line)
            case UInt8(ascii: "c"): try readConnection(line)
            case UInt8(ascii: "m"): try readMedia(line)
            case UInt8(ascii: "o"): try readOrigin(line)
            case UInt8(ascii: "i"):
                if let last = media.indices.last, media[last].headEnd == line.range.lowerBound {
                    media[last].headEnd = line.range.upperBound
                }
            default: break
            }
        }
        if let last = media.indices.last { media[last].end = body.upperBound }
        for index in media.indices { media[index].identity = media[index].identity.completed(by: identity) }
    }

    /// Makes room for as much as there is: an array that grows holds twice that for a while (security 17).
    private mutating func makeRoom() {
        let (lines, descriptions) = counts
        fields.reserveCapacity(min(lines, Self.maximumFields))
        media.reserveCapacity(min(descriptions, Self.maximumMedia))
    }

    /// How many lines there are, and how many of them may be `m=` lines.
    private var counts: (lines: Int, descriptions: Int) {
        let octets = bytes.span
        var (lines, descriptions) = (1, 0)
        for index in body.dropLast() where octets[index] == 10 || octets[index] == 13 && octets[index + 1] != 10 {
            lines += 1
            if octets[index + 1] == UInt8(ascii: "m") { descriptions += 1 }
        }
        return (lines, descriptions)
    }

    /// `o=user id version IN IP4 192.0.2.1`, read from its end: some user names have spaces.
    private mutating func readOrigin(_ line: Line) throws(SDPError) {
        var words = WordScanner(line.value)
        let address = words.last(in: bytes)
        let type = words.last(in: bytes)
        guard !address.isEmpty, !type.isEmpty, bytes.equals(words.last(in: bytes), ignoringCase: "IN") else {
            throw .malformedOrigin
        }
        try append(.origin(type.lowerBound..<address.upperBound))
    }

    private mutating func readConnection(_ line: Line) throws(SDPError) {
        let data = try ConnectionData(bytes, line.value)
        try append(.connection(data))
        guard let last = media.indices.last else {
            if connection == nil { connection = data }
            return
        }
        if !hasOwnConnection { media[last].connection = data }
        hasOwnConnection = true
    }

    private mutating func readMedia(_ line: Line) throws(SDPError) {
        guard media.count < Self.maximumMedia else { throw .tooManyMedia }
        var next = try MediaDescription(bytes, line.value, connection: connection, direction: direction)
        next.start = line.range.lowerBound
        next.headEnd = line.range.upperBound
        next.ice = ice
        try append(.media(media.count))
        if let last = media.indices.last { media[last].end = line.range.lowerBound }
        media.append(next)
        hasOwnConnection = false
    }

    private mutating func readAttribute(_ line: Line) throws(SDPError) {
        let colon = bytes[line.value].firstIndex(of: UInt8(ascii: ":"))
        let name = bytes.trimming(line.value.lowerBound..<(colon ?? line.value.upperBound))
        if let direction = MediaDirection(bytes, name) { return set(direction) }
        guard let known = LegAttribute.Name(bytes, name) else { return readMap(line, name, colon) }
        let value = bytes.trimming((colon.map { $0 + 1 } ?? line.value.upperBound)..<line.value.upperBound)
        let last = media.indices.last
        try append(.attribute(LegAttribute(name: known, media: last, line: line.range, value: value)))
        if known == .ice {
            if let last { media[last].identity.usesICE = true } else { identity.usesICE = true }
        }
        guard let last else {
            if known == .ice { ice.read(bytes, name: name, value: value) }
            return try Self.readIdentity(known, bytes, value, into: &identity)
        }
        switch known {
        case .ice: media[last].ice.read(bytes, name: name, value: value)
        case .candidate: media[last].ice.readCandidate(bytes, value)
        case .rtcp where media[last].rtcp == nil: media[last].rtcp = RTCPAddress(bytes, value)
        case .rtcpMux, .rtcpMuxOnly: media[last].isMultiplexed = true
        case .crypto: try readCrypto(value, of: last)
        default: try Self.readIdentity(known, bytes, value, into: &media[last].identity)
        }
    }

    // Of the type, since a value that is read while a part of it changes would be copied whole.
    private static func readIdentity(
        _ name: LegAttribute.Name, _ bytes: [UInt8], _ value: Range<Int>, into identity: inout TransportIdentity
    ) throws(SDPError) {
        switch name {
        case .fingerprint:
            guard identity.fingerprintLines < maximumFingerprints else { throw .tooManyFields }
            identity.fingerprintLines += 1
            if let fingerprint = CertificateFingerprint(bytes, value) { identity.fingerprints.append(fingerprint) }
        case .setup where identity.setup == nil: identity.setup = SetupAttribute(bytes, value)
        case .tlsID where identity.tlsID == nil && (1...TransportIdentity.longestID).contains(value.count):
            identity.tlsID = Array(bytes[value])
        default: break
        }
    }

    private mutating func readMap(_ line: Line, _ name: Range<Int>, _ colon: Int?) {
        guard name.count == 6, let colon, let last = media.indices.last, media[last].maps.count < RTPMap.most,
            bytes.equals(name, ignoringCase: "rtpmap"), let map = RTPMap(bytes, colon + 1..<line.value.upperBound)
        else { return }
        media[last].maps.append(map)
    }

    private mutating func readCrypto(_ value: Range<Int>, of index: Int) throws(SDPError) {
        guard media[index].cryptoLines < Self.maximumCryptoLines else { throw .tooManyFields }
        media[index].cryptoLines += 1
        guard let crypto = CryptoAttribute(bytes, value),
            !media[index].crypto.contains(where: { $0.tag == crypto.tag })
        else { return }
        media[index].crypto.append(crypto)
    }

    private mutating func set(_ direction: MediaDirection) {
        if let last = media.indices.last { media[last].direction = direction } else { self.direction = direction }
    }

    private mutating func append(_ field: Field) throws(SDPError) {
        guard fields.count < Self.maximumFields else { throw .tooManyFields }
        fields.append(field)
    }
}
