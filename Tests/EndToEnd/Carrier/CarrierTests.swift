import Foundation
import NetworkTypes
import Testing

@Suite(
    "The executable and an ITSP of several hosts", .serialized,
    .enabled(if: NetworkNamespace.isAvailable, NetworkNamespace.unavailable))
struct CarrierTests {
    @Test("Two nodes behind one SRV name that share no nonces: every challenged REGISTER and INVITE succeeds at once")
    func nonces() throws {
        let carrier = try Carrier(priorities: [10, 10])
        let callIDs = (0..<20).map { "\($0)-\(UUID())" }
        // Calls first: later ones follow the registration of their account.
        for callID in callIDs { try carrier.call("caller", callID: "call-" + callID) }
        for (number, callID) in callIDs.enumerated() {
            try carrier.register("account\(number)", callID: "register-" + callID)
        }
        for callID in callIDs {
            try expectTwoRequests("call-" + callID, "INVITE", carrier)
            try expectTwoRequests("register-" + callID, "REGISTER", carrier)
        }
        for node in carrier.nodes {
            #expect(Set(node.requests.filter { $0.areAccepted == true }.map(\.method)) == ["INVITE", "REGISTER"])
        }
        try carrier.stage.expectIdle()
    }

    @Test("Calls of an account go to the node that has its registration, and are challenged there")
    func followsRegistration() throws {
        let carrier = try Carrier(priorities: [10, 10])
        for number in 0..<10 {
            let (user, id) = ("account\(number)", "\(number)-\(UUID())")
            try carrier.register(user, callID: "register-" + id)
            try carrier.call(user, callID: "call-" + id)
            let registrar = try expectTwoRequests("register-" + id, "REGISTER", carrier)
            #expect(try expectTwoRequests("call-" + id, "INVITE", carrier) == registrar)
        }
        try carrier.stage.expectIdle()
    }

    @Test("A first node that says nothing costs one call four seconds; later calls go to the second at once")
    func failover() throws {
        let carrier = try Carrier(priorities: [10, 20], [.silence, .answer])
        let first = try carrier.call("caller", callID: "first-\(UUID())")
        #expect(first > .seconds(3.5) && first < .seconds(20), "the first call took \(first)")
        #expect(carrier.nodes[0].requests.count == 1)
        for number in 0..<10 {
            let callID = "later\(number)-\(UUID())"
            let later = try carrier.call("caller", callID: callID)
            #expect(later < .seconds(3), "call \(number) took \(later)")
            #expect(try expectTwoRequests(callID, "INVITE", carrier) == 1)
        }
        try carrier.register("caller", callID: "register-\(UUID())")
        #expect(carrier.nodes[0].requests.count == 1)
        try carrier.stage.expectIdle()
    }

    /// The challenge and the credentials, both at one node; which.
    @discardableResult
    private func expectTwoRequests(
        _ callID: String, _ method: String, _ carrier: Carrier, _ place: SourceLocation = #_sourceLocation
    ) throws -> Int {
        let found = carrier.nodes.map { $0.requests.filter { $0.callID == callID && $0.method == method } }
        let node = try #require(found.firstIndex { !$0.isEmpty }, "nobody got it", sourceLocation: place)
        #expect(found[node].map(\.areAccepted) == [nil, true], sourceLocation: place)
        #expect(found[1 - node].isEmpty, sourceLocation: place)
        return node
    }
}
