import NetworkTypes
import SIP

/// Where a request goes next, and as what: the outcome of admission and routing (RFC 3261 §16.4–§16.6).
struct Forwarding {
    enum NextHop: Hashable {
        /// The URI says it all.
        case target(Target)
        /// Where the messages of a party come from.
        case flow(Flow)
        /// A name, which must be located first (RFC 3263).
        case name(LocationQuery)

        /// The address; nil while there is only a name.
        var address: SocketAddress? {
            switch self {
            case .target(let target): target.address
            case .flow(let flow): flow.peer
            case .name: nil
            }
        }
    }

    /// Another place that the request may go to, as what: another PBX.
    struct Alternative {
        let uri: [UInt8]
        let nextHop: NextHop
        /// It was passed over because all its targets are down.
        var isLastResort = false
        /// A 3xx names it, and it is another host than who was asked: credentials are not for it.
        var isForeign = false
    }

    /// The Request-URI that it leaves with; nil: the one it came with.
    var uri: [UInt8]?
    var nextHop: NextHop
    /// What is tried in order when ``nextHop`` has failed.
    var alternatives: [Alternative] = []
    /// All else has been tried.
    var isLastResort = false
    /// It goes where a 3xx said: without credentials, which are the trunk's (security 28).
    var isForeign = false
    var egress: Side
    /// Our Routes, to be taken off.
    var routes: RouteProcessing
    /// The proxies that the request goes by inside, which its sender does not know: Route values, nearest first.
    var inner: [[UInt8]] = []
    /// The next Route belongs to a strict router: it becomes the Request-URI (RFC 3261 §16.6 step 6).
    var isStrict = false
    /// The trunk's name, and its settings where it is configured.
    var trunk: String
    var trunkSettings: TrunkSettings?
    /// The trunk by whose own port it leaves, where that has one (design §10: `source_port`).
    var port: String?
    /// The hash of a request that has passed us before (RFC 3261 §16.3 step 4).
    var spiral: UInt64?
    /// It calls for help: no limit holds it up.
    var isEmergency = false
    /// The call that an in-dialog request belongs to.
    var call: Call?
    /// Whether it comes from a remote phone or goes to one; the key of that phone's binding.
    var isPhones = false
    var phone: [UInt8]?
    /// How the Contact of a phone's REGISTER leads back to us.
    var phoneContact: PhoneSettings.Contact?
}

/// What is to be done with a request.
enum Verdict {
    case forward(Forwarding)
    /// It is for us: OPTIONS gets 200, the rest what it deserves.
    case answer(status: Int, reason: String, extra: [UInt8])
    /// The same to somebody unknown: small, seldom and quiet.
    case answerStranger(status: Int, reason: String)
    /// Silently, and counted.
    case drop(WritableKeyPath<ProxyCounters, UInt64>)

    static func refuse(_ status: Int, _ reason: String) -> Verdict {
        // 503 says when to try again (design §5).
        .answer(status: status, reason: reason, extra: status == 503 ? ProxyCore.retryLater : [])
    }
}
