public import NetworkTypes
public import SIP

/// One socket that SIP arrives at and leaves from, and what the world is told about it.
public struct Listener: Hashable, Sendable {
    public let id: ListenerID
    public let side: Side
    public let transport: TransportProtocol
    /// Where the socket is bound.
    public let local: SocketAddress
    /// What Via, Record-Route and Contact say: the local address, or what NAT makes of it.
    public internal(set) var advertised: SocketAddress {
        didSet {
            hostPort = Array(advertised.description.utf8)
            host = Self.host(of: advertised.ip)
        }
    }
    /// Whether ``advertised`` is known: not until the name that stands for it has an address. Before, nothing that names
    /// the listener can leave.
    public internal(set) var isAnnounced: Bool
    /// The listener whose socket carries this one's messages: another one's where both sides are on one address, port
    /// and transport, and only the source of a message tells them apart.
    public let socket: ListenerID
    /// The trunk that alone has this port (design §10: `source_port`).
    public let trunk: String?
    /// Whether peers can connect to it. Without, connections are only opened: TLS of somebody who has no certificate.
    public let isOpen: Bool
    /// ``advertised`` as it is written into messages: host, colon, port.
    private(set) var hostPort: [UInt8]
    /// The same without the port.
    private(set) var host: [UInt8]
    /// Whether a listener of the other side says the same of itself, so that a Record-Route has to name the side.
    var isAmbiguous = false

    public init(
        id: ListenerID, side: Side, transport: TransportProtocol, local: SocketAddress,
        advertised: SocketAddress? = nil, isAnnounced: Bool = true, socket: ListenerID? = nil, trunk: String? = nil,
        isOpen: Bool = true
    ) {
        self.id = id
        self.isOpen = isOpen
        self.trunk = trunk
        self.side = side
        self.transport = transport
        self.local = local
        self.advertised = advertised ?? local
        self.isAnnounced = isAnnounced
        self.socket = socket ?? id
        hostPort = Array(self.advertised.description.utf8)
        host = Self.host(of: self.advertised.ip)
    }

    private static func host(of address: IPAddress) -> [UInt8] {
        Array((address.family == .v6 ? "[\(address)]" : "\(address)").utf8)
    }
}

/// A PBX that calls go to which no registration claims: where it is and what its Request-URI is like.
public struct PBXSettings: Hashable, Sendable {
    public let host: String
    /// nil: by RFC 3263, which for an address means the transport's own.
    public let port: UInt16?
    public let transport: TransportProtocol

    public init(host: String, port: UInt16? = nil, transport: TransportProtocol = .udp) {
        self.host = host
        self.port = port
        self.transport = transport
    }
}

/// Where the token is in what an ITSP gets to know as our Contact (design §4).
public enum ContactMode: Hashable, Sendable {
    /// In a URI parameter.
    case parameter
    /// In the user, for ITSPs that take parameters away: the DID then stays in To.
    case user
    /// In a Path as well (RFC 3327), where the PBX supports it.
    case path
}

/// What becomes of a trunk's 3xx (design §10: `redirects`).
public enum RedirectMode: Hashable, Sendable {
    /// The PBX gets it.
    case pass
    /// We go where it says ourselves (RFC 3261 §16.7 step 4).
    case follow
}

/// What is configured about one ITSP account or gateway group (design: Trunk).
public struct TrunkSettings: Hashable, Sendable {
    public var name: String
    /// Matched against Route, Request-URI and From; its addresses are the trunk's too.
    public var domain: String
    /// Where two accounts share a domain: the user in the AOR.
    public var user: String?
    /// Where its calls come from, beside what the domain resolves to.
    public var networks: [IPNetwork]
    /// Where its RTP may come from, beside what SDP says.
    public var mediaNetworks: [IPNetwork]
    public var isNAT: Bool
    /// Whether requests that arrive over UDP are believed by their source address.
    public var trustsUDP: Bool
    /// Where its calls go that no registration claims, before the default ones; several are tried in this order.
    public var pbxs: [PBXSettings]
    public var contact: ContactMode
    /// How requests go to it where their URI does not say; nil: as DNS says, UDP to an address (RFC 3263 §4.1).
    public var transport: TransportProtocol?
    public var redirects = RedirectMode.pass
    /// What its media has to be like.
    public var srtp = SRTPPolicy.auto
    /// How keys are agreed on where we offer them.
    public var keying = KeyManagement.sdes
    /// Whether it is asked for its load, and gets less when it says so (RFC 7339).
    public var asksForLoad = false
    /// How often each of its targets is asked whether it is alive; nil: never.
    public var qualify: Duration?
    /// What it gets to know of the inside.
    public var hiding: HidingSettings

    public init(
        name: String, domain: String, user: String? = nil, networks: [IPNetwork] = [], mediaNetworks: [IPNetwork] = [],
        isNAT: Bool = false, trustsUDP: Bool = true, pbxs: [PBXSettings] = [], contact: ContactMode = .parameter,
        transport: TransportProtocol? = nil, qualify: Duration? = nil, hiding: HidingSettings = HidingSettings()
    ) {
        self.name = name
        self.domain = domain.lowercased()
        self.user = user
        self.networks = networks
        self.mediaNetworks = mediaNetworks
        self.isNAT = isNAT
        self.trustsUDP = trustsUDP
        self.pbxs = pbxs
        self.contact = contact
        self.transport = transport
        self.qualify = qualify
        self.hiding = hiding
    }
}

/// Everything that decides what the proxy does.
public struct ProxySettings: Sendable {
    /// Those that share another's socket come last.
    public var listeners: [Listener]
    /// What `outside.advertise` calls us, where that is a name: URIs with it are ours.
    public var advertisedName: String?
    /// Who may call out.
    public var insideNetworks: [IPNetwork]
    public var pbxs: [PBXSettings]
    public var trunks: [TrunkSettings]
    /// What media inside has to be like.
    public var insideSRTP = SRTPPolicy.off
    public var insideKeying = KeyManagement.sdes
    /// Remote phones, where they are let in.
    public var phones: PhoneSettings?
    public var timers: TransactionTimers
    /// Timer C (RFC 3261 §16.6 step 11): longer than three minutes.
    public var timerC: Duration
    /// The longest a call may last.
    public var callDuration: Duration
    /// The most transactions and calls of this shard; beyond them new requests get 503 (security 29).
    public var maximumTransactions: Int
    public var maximumCalls: Int
    /// The most octets of messages that transactions of this shard may keep.
    public var maximumOctets = 512 << 20
    /// Whether messages with that Call-ID come to this shard: for requests of our own that belong to no call.
    public var ownsCallID: @Sendable ([UInt8]) -> Bool = { _ in true }
    /// What reaches help.
    public var emergencyNumbers = EmergencyNumbers()
    /// The limits on calls, the same for all shards; nil: there are none.
    public var admission: (any CallAdmission)?
    /// Numbers who a server has to be; nil where there are too many.
    public var numberOfName: @Sendable (PeerName) -> PeerNameID? = { _ in PeerNameID.none }
    /// Requests a second from one source that is neither inside nor a trunk.
    public var strangerRate: Int

    public init(
        listeners: [Listener], insideNetworks: [IPNetwork], pbxs: [PBXSettings] = [], trunks: [TrunkSettings] = [],
        timers: TransactionTimers = .rfc3261, timerC: Duration = .seconds(181),
        callDuration: Duration = .seconds(43200),
        maximumTransactions: Int = 400_000, maximumCalls: Int = 50_000, strangerRate: Int = 20
    ) {
        self.listeners = listeners
        self.insideNetworks = insideNetworks
        self.pbxs = pbxs
        self.trunks = trunks
        self.timers = timers
        self.timerC = timerC
        self.callDuration = callDuration
        self.maximumTransactions = maximumTransactions
        self.maximumCalls = maximumCalls
        self.strangerRate = strangerRate
    }

    /// The trunk of an account: the configured one, or the domain itself.
    public func trunkName(domain: String, user: String) -> String {
        let accounts = trunks.filter { $0.domain == domain }
        return (accounts.first { $0.user == user } ?? accounts.first { $0.user == nil })?.name ?? domain
    }

    /// The listeners that have a socket of their own, each at the place that its number says.
    public var sockets: [Listener] { listeners.filter { $0.socket == $0.id } }
}
