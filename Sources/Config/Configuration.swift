public import NetworkTypes
public import TLS

/// The whole configuration of one Sallyport, as values: what the file says, and a default for what it doesn't.
///
/// It holds only what this version does. A key of a later version is refused when it is named, so nothing here is
/// silently without effect. The executable turns these values into the settings of the cores.
public struct Configuration: Sendable {
    /// The private side, with the PBX.
    public var inside: InsideConfiguration
    /// The public side, with the ITSPs.
    public var outside: OutsideConfiguration
    /// Where calls go that no registration claims; several are tried in this order.
    public var pbx: [SIPTarget] = []
    /// Certificates and the rules of TLS; nil where it is not named.
    public var tls: TLSSettings?
    /// Policy for single ITSP accounts; calls need none.
    public var trunks: [TrunkConfiguration] = []
    public var media = MediaConfiguration()
    public var remotePhones = RemotePhonesConfiguration()
    /// The numbers that reach help: exempt from every limit.
    public var emergency = ["911", "9911", "112", "999", "urn:service:sos"]
    public var limits = LimitsConfiguration()
    public var dscp = DSCPConfiguration()
    /// The directory of the token key, the registrations seen and the call journal.
    public var state = "/var/lib/sallyport"
    public var admin = AdminConfiguration()
    public var log = LogConfiguration()

    /// The file it was read from, or `command line`.
    public internal(set) var file = Configuration.commandLine
    /// Where in the file each value stands, by its path (`inside.addresses[1]`).
    var positions: [String: Position] = [:]

    static let commandLine = "command line"

    /// What the two-address command line says: all the rest is default.
    public init(inside: IPAddress, outside: IPAddress, pbx: SIPTarget? = nil) {
        self.inside = InsideConfiguration(addresses: [inside])
        self.outside = OutsideConfiguration(addresses: [outside])
        if let pbx { self.pbx = [pbx] }
    }

    /// The trunk of that name.
    public func trunk(named name: String) -> TrunkConfiguration? { trunks.first { $0.name == name } }
}
