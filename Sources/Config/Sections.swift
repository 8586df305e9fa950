public import NetworkTypes

/// A number that is either given or worked out from the machine.
public enum Count: Hashable, Sendable, CustomStringConvertible {
    case automatic
    case exactly(Int)

    public var description: String {
        switch self {
        case .automatic: "auto"
        case .exactly(let number): "\(number)"
        }
    }
}

/// So many events in each interval.
public struct Rate: Hashable, Sendable, CustomStringConvertible {
    public enum Unit: String, Hashable, Sendable, CaseIterable {
        case second = "s"
        case minute = "m"
        case hour = "h"

        public var duration: Duration {
            switch self {
            case .second: .seconds(1)
            case .minute: .seconds(60)
            case .hour: .seconds(3600)
            }
        }
    }

    public var count: Int
    public var unit: Unit

    public init(_ count: Int, per unit: Unit = .second) {
        self.count = count
        self.unit = unit
    }

    public var perSecond: Double { Double(count) / unit.duration.seconds }
    public var description: String { "\(count)/\(unit.rawValue)" }
}

/// The `media` section.
public struct MediaConfiguration: Hashable, Sendable {
    /// UDP ports for RTP and RTCP, in even and odd pairs; the first is even.
    public var ports: ClosedRange<UInt16> = 10000...20000
    /// How long an answered call may be without a valid packet before we end it.
    public var timeout: Duration = .seconds(60)
    /// Whether peers outside that the PBX puts together are told of each other, and media flows between them.
    public var isDirect = false
    /// Threads that relay packets; by default one for each processor.
    public var workers: Count = .automatic
    /// Networks that media may go to although they would be refused (loopback, the other side's networks …).
    public var allow: [IPNetwork] = []

    public init() {}
}

/// The `limits` section.
public struct LimitsConfiguration: Hashable, Sendable {
    /// Calls at once; by default what ports and descriptors allow.
    public var calls: Count = .automatic
    /// New calls a second; nil for no limit.
    public var callsPerSecond: Int?
    /// After this long we end a call.
    public var callDuration: Duration = .seconds(12 * 3600)
    /// Requests from one unknown source; nil for no limit.
    public var perSource: Rate? = Rate(20)
    /// TCP connections at once, and those from one unknown source.
    public var connections = 10_000
    public var connectionsPerSource = 100

    public init() {}
}

/// The `dscp` section: the code points (RFC 2474) that our packets carry.
public struct DSCPConfiguration: Hashable, Sendable {
    /// CS3.
    public var sip: UInt8 = 24
    /// EF.
    public var rtp: UInt8 = 46

    public init() {}
}

/// The `admin` section.
public struct AdminConfiguration: Hashable, Sendable {
    /// Where pages and metrics are served: a loopback address, as there is no authentication.
    public var listen = SocketAddress(IPAddress(v4: 0x7f00_0001), 9060)

    public init() {}
}

/// The `log` section.
public struct LogConfiguration: Hashable, Sendable {
    /// The names and the order of swift-log's levels.
    public enum Level: String, Hashable, Sendable, CaseIterable {
        case trace, debug, info, notice, warning, error, critical
    }

    public enum Format: String, Hashable, Sendable, CaseIterable {
        /// `2026-11-21T12:00:00.123Z info message key=value`
        case text
        /// A JSON object on each line.
        case json
    }

    public var level = Level.info
    public var format = Format.text
    /// The file of call records, if any.
    public var calls: String?

    public init() {}
}
