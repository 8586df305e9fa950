/// The state of the whole process at one moment, for people, JSON and metrics.
public struct StatusSnapshot: Codable, Hashable, Sendable {
    public struct Listener: Codable, Hashable, Sendable {
        public var side: String
        public var transport: String
        public var address: String

        public init(side: String, transport: String, address: String) {
            self.side = side
            self.transport = transport
            self.address = address
        }
    }

    public struct Calls: Codable, Hashable, Sendable {
        public var now = 0
        /// Begun since start.
        public var total: UInt64 = 0
        /// Failed since start, by cause; causes are words of ours, never of a peer.
        public var failed: [String: UInt64] = [:]
        /// How many at once are allowed.
        public var limit = 0

        public init() {}
    }

    public struct Messages: Codable, Hashable, Sendable {
        public var received: UInt64 = 0
        public var sent: UInt64 = 0
        /// Dropped since start, by cause.
        public var dropped: [String: UInt64] = [:]

        public init() {}
    }

    /// Stream connections.
    public struct Connections: Codable, Hashable, Sendable {
        public var now = 0
        /// How many at once are allowed.
        public var limit = 0
        /// Since start: taken from peers, and opened by us.
        public var accepted: UInt64 = 0
        public var opened: UInt64 = 0
        /// TLS handshakes that went well, and those of them that resumed a session.
        public var handshakes: UInt64 = 0
        public var resumed: UInt64 = 0
        /// Refused, failed or closed by us since start, by cause.
        public var failed: [String: UInt64] = [:]

        public init() {}
    }

    /// A certificate of ours.
    public struct Certificate: Codable, Hashable, Sendable {
        /// What the configuration calls it.
        public var name: String
        /// Whom it is for.
        public var names: [String]
        /// When it expires, in seconds since 1970, and from now.
        public var notAfter: Int64
        public var secondsLeft: Double

        public init(name: String, names: [String], notAfter: Int64, secondsLeft: Double) {
            self.name = name
            self.names = names
            self.notAfter = notAfter
            self.secondsLeft = secondsLeft
        }
    }

    /// A source that is not listened to for an account, since it sent wrong credentials too often.
    public struct Ban: Codable, Hashable, Sendable {
        public var source: String
        public var account: String
        public var secondsLeft: Double

        public init(source: String, account: String, secondsLeft: Double) {
            self.source = source
            self.account = account
            self.secondsLeft = secondsLeft
        }
    }

    public struct Media: Codable, Hashable, Sendable {
        public var sessions = 0
        public var portsUsed = 0
        public var portsFree = 0
        /// Calls with a stream that is none of datagrams and crossed without us, since start.
        public var unanchored: UInt64 = 0
        public var packets: UInt64 = 0
        public var bytes: UInt64 = 0
        /// Packets dropped since start, by cause.
        public var dropped: [String: UInt64] = [:]
        /// The outside legs of calls that have ended.
        public var totals = MediaTotalsSnapshot()

        public init() {}
    }

    public var version: String
    public var uptimeSeconds: Double = 0
    public var listeners: [Listener] = []
    public var calls = Calls()
    public var registrations = 0
    public var transactions = 0
    public var messages = Messages()
    /// Requests that we refused since start, by reason; reasons are words of ours.
    public var refused: [String: UInt64] = [:]
    /// The share of new requests that is refused at the moment because we are too busy.
    public var pressure = 0.0
    /// Bans since start, and those of the moment.
    public var banned: UInt64 = 0
    public var bans: [Ban] = []
    public var connections = Connections()
    public var certificates: [Certificate] = []
    /// Why the files of TLS can't be used as they are now; what was read before is in use.
    public var certificateProblem: String?
    public var media = Media()
    public var memoryBytes: UInt64 = 0
    public var processorSeconds: Double = 0
    public var openDescriptors = 0

    public init(version: String) { self.version = version }

    /// Fills in what the kernel knows of the process.
    public mutating func take(_ usage: ProcessUsage) {
        memoryBytes = usage.memory
        processorSeconds = usage.processorSeconds
        openDescriptors = usage.openDescriptors
    }
}
