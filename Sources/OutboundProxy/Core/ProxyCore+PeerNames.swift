import NetworkTypes
import SIP

// Who a server has to prove to be when a request goes to it over TLS (RFC 5922 §7.3, security 35).

extension ProxyCore {
    /// By the name that was looked up; nil where there are too many names.
    ///
    /// An address has no name of its own. Outside it is what a trunk wrote into a dialog with us, or a gateway of the
    /// trunk's, so that it may prove either: to be the trunk, or to have that address. Inside any connection of the host
    /// will do, also one that it has opened.
    func peerName(of forwarding: Forwarding) -> PeerNameID? {
        switch forwarding.nextHop {
        case .flow(let flow): return flow.name
        case .name(let query):
            // What is said about an ITSP says nothing about the PBX that its call goes to.
            return peerName([query.host], of: forwarding.egress == .outside ? forwarding.trunkSettings : nil)
        case .target(let target):
            guard forwarding.egress == .outside else { return PeerNameID.none }
            return peerName(at: target.address.ip, domain: forwarding.trunk, forwarding.trunkSettings)
        }
    }

    /// For a request of our own to a party of a call, which is at an address.
    func peerName(at address: IPAddress, of party: Call.Party, _ trunk: TrunkSettings?) -> PeerNameID? {
        if party.flow.name != .none, party.flow.peer.ip == address { return party.flow.name }
        return peerName(at: address, domain: "", trunk)
    }

    private func peerName(at address: IPAddress, domain: String, _ trunk: TrunkSettings?) -> PeerNameID? {
        let domain = trunk?.domain ?? domain
        let isName = !domain.isEmpty && IPAddress(domain) == nil
        return peerName(isName ? [domain, address.description] : [address.description], of: trunk)
    }

    func peerName(_ names: [String], of trunk: TrunkSettings?) -> PeerNameID? {
        settings.numberOfName(PeerName(names, trunk: trunk?.name ?? ""))
    }
}
