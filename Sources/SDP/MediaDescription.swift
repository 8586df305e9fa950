import NetworkTypes

/// One media description: an `m=` line and what was said below it (RFC 8866 §5.14).
public struct MediaDescription: Hashable, Sendable {
    /// `audio`, `video`, `image` …
    public let type: Range<Int>
    /// 0 for a stream that is refused or removed (RFC 3264 §6, §8.2).
    public let port: UInt16
    /// Port and port count: what a rewrite replaces.
    public let portRange: Range<Int>
    /// How many ports in a row are asked for: 1 unless `port/count` says more.
    public let portCount: UInt16
    public let transport: MediaProtocol
    /// The transport as it is spelled.
    public let transportRange: Range<Int>
    /// The profile, where it is one whose keys, if any, are below.
    public let profile: RTPProfile?
    public let formats: Range<Int>

    /// The first `c=` below the `m=` line, or that of the session level.
    public internal(set) var connection: ConnectionData?
    /// The direction below the `m=` line, or that of the session level.
    public internal(set) var direction: MediaDirection
    /// The first readable `a=rtcp`.
    public internal(set) var rtcp: RTCPAddress?
    /// Whether `a=rtcp-mux` is there (RFC 5761), or `a=rtcp-mux-only` (RFC 8858).
    public internal(set) var isMultiplexed = false
    /// The `a=crypto` lines that can be followed, in their order, which is one of preference (RFC 4568 §5.1.1).
    public internal(set) var crypto: [CryptoAttribute] = []
    /// How many `a=crypto` lines there are.
    public internal(set) var cryptoLines = 0
    /// What is said about ICE.
    public internal(set) var ice = ICEDescription()
    /// Where the `m=` line begins.
    public internal(set) var start: Int
    /// Where its attributes may begin: behind the `m=` line and the title (`i=`), if that follows.
    public internal(set) var headEnd: Int
    /// The `a=rtpmap` lines, as many as there are payload types worth knowing.
    public internal(set) var maps: [RTPMap] = []
    /// What is said here or at session level about the sender's end of a DTLS association.
    public internal(set) var identity = TransportIdentity()
    /// Where the next `m=` line begins, or the body ends.
    public internal(set) var end: Int

    init(
        _ bytes: [UInt8], _ value: Range<Int>, connection: ConnectionData?, direction: MediaDirection
    ) throws(SDPError) {
        var words = WordScanner(value)
        type = words.next(in: bytes)
        portRange = words.next(in: bytes)
        transportRange = words.next(in: bytes)
        formats = words.remainder(in: bytes)
        let slash = bytes[portRange].firstIndex(of: UInt8(ascii: "/")) ?? portRange.upperBound
        guard let port = bytes.decimal(portRange.lowerBound..<slash, as: UInt16.self), !transportRange.isEmpty else {
            throw .malformedMedia
        }
        self.port = port
        if slash == portRange.upperBound {
            portCount = 1
        } else if let count = bytes.decimal(slash + 1..<portRange.upperBound, as: UInt16.self) {
            portCount = count
        } else {
            throw .malformedMedia
        }
        transport = MediaProtocol(bytes, transportRange)
        profile = RTPProfile(bytes, transportRange)
        start = value.lowerBound
        headEnd = value.upperBound
        end = value.upperBound
        self.connection = connection
        self.direction = direction
    }
}
